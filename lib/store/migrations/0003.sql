-- Lists of what is open do not read the history, and history can be forgotten.
CREATE INDEX sessions_alive ON sessions ((seq + 0)) WHERE state <> 'ended';
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE state = 'ended';
CREATE INDEX connections_alive ON connections (id) WHERE state = 'open';
CREATE INDEX assignments_alive ON assignments (id) WHERE state = 'open';
CREATE INDEX assignments_session ON assignments (session);
