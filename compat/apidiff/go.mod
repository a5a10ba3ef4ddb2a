module github.com/seed695671cb/raft/compat/apidiff

go 1.25.0

require (
	github.com/seed695671cb/raft v0.0.0
	github.com/stretchr/testify v1.11.1
	go.etcd.io/raft/v3 v3.6.0
	golang.org/x/exp v0.0.0-20250620022241-b7579e27df2b
)

require (
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/golang/protobuf v1.5.4 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	golang.org/x/tools v0.34.0 // indirect
	google.golang.org/protobuf v1.33.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/seed695671cb/raft => ../..
