module github.com/seed695671cb/raft

go 1.25.0

require github.com/gogo/protobuf v1.3.2
