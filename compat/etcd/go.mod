module go.etcd.io/raft/v3

go 1.25.0

require github.com/seed695671cb/raft v0.0.0

require github.com/gogo/protobuf v1.3.2 // indirect

replace github.com/seed695671cb/raft => ../..
