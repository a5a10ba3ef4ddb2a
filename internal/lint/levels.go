package lint

// A level is a layer of the root package. Files of one level may use what lower levels declare, never the reverse.
type level uint8

const (
	levelLog      level = iota // entries, storage, the log: nothing here knows of the state machine above
	levelCore                  // the state machine: nothing here knows how its output is collected and handed out
	levelReady                 // collecting output, RawNode
	levelNode                  // concurrency around RawNode
	levelAnywhere              // helpers without state
)

// A rootFile is a non-test file of the root package.
type rootFile struct {
	level level
	cites bool // its header names the section of the paper or of the thesis that it implements
}

// rootFiles is the table of every non-test file of the root package.
func rootFiles() map[string]rootFile {
	return map[string]rootFile{
		"entry.go":          {level: levelLog},
		"storage.go":        {level: levelLog},
		"memory_storage.go": {level: levelLog},
		"entry_runs.go":     {level: levelLog},
		"log_unstable.go":   {level: levelLog},
		"log.go":            {level: levelLog},
		"term_index.go":     {level: levelLog},

		"config.go":       {level: levelCore},
		"raft.go":         {level: levelCore},
		"admit.go":        {level: levelCore},
		"outbox.go":       {level: levelCore},
		"blocks.go":       {level: levelCore},
		"read_forward.go": {level: levelCore},
		"tally.go":        {level: levelCore},
		"clock.go":        {level: levelCore},
		"invariants.go":   {level: levelCore},
		"durability.go":   {level: levelCore},
		"leadership.go":   {level: levelCore},
		"role.go":         {level: levelCore, cites: true},
		"election.go":     {level: levelCore, cites: true},
		"propose.go":      {level: levelCore, cites: true},
		"progress.go":     {level: levelCore, cites: true},
		"follower.go":     {level: levelCore, cites: true},
		"heartbeat.go":    {level: levelCore, cites: true},
		"snapshot.go":     {level: levelCore, cites: true},
		"membership.go":   {level: levelCore, cites: true},
		"transfer.go":     {level: levelCore, cites: true},
		"read_only.go":    {level: levelCore, cites: true},
		"lease.go":        {level: levelCore, cites: true},

		"ready.go":         {level: levelReady},
		"async_storage.go": {level: levelReady, cites: true},
		"rawnode.go":       {level: levelReady},
		"verify_on.go":     {level: levelReady},
		"verify_off.go":    {level: levelReady},
		"bootstrap.go":     {level: levelReady},
		"status.go":        {level: levelReady},

		"node_pause.go": {level: levelNode},
		"node.go":       {level: levelNode},

		"util.go":        {level: levelAnywhere},
		"describe.go":    {level: levelAnywhere},
		"logger.go":      {level: levelAnywhere},
		"slog_logger.go": {level: levelAnywhere},
		"lineage.go":     {level: levelAnywhere},
		"doc.go":         {level: levelAnywhere},
	}
}

// forbiddenNames lists the identifiers that files of a level never use, because they belong to a higher one.
func forbiddenNames(l level) []string {
	switch l {
	case levelLog:
		return []string{"raft", "Ready", "RawNode"}
	case levelCore:
		return []string{"Ready", "RawNode"}
	default:
		return nil
	}
}

// anyPackage in the table of imports means every package of the module.
const anyPackage = "*"

// packageImports says for each package directory of the module ("." is the root) which packages of the module its
// non-test files may import. Directories below a listed one with a trailing slash are covered by it.
func packageImports() map[string][]string {
	return map[string][]string{
		"raftpb":     nil,
		"quorum":     nil,
		"tracker":    {"quorum", "raftpb"},
		"confchange": {"tracker", "quorum", "raftpb"},
		".":          {"confchange", "tracker", "quorum", "raftpb"},
		"rafttest/":  {anyPackage},
		"replica/":   {anyPackage},
		"internal/":  {anyPackage},
	}
}

// thirdParty says which packages outside of the module and the standard library non-test files may import, by package
// directory: users of the library get these as dependencies. Test files may import the packages of testOnly as well.
func thirdParty() map[string][]string {
	return map[string][]string{
		"raftpb":    {"github.com/gogo/protobuf"},
		"internal/": testOnly(),
	}
}

func testOnly() []string {
	return []string{"github.com/gogo/protobuf", "github.com/stretchr/testify", "github.com/cockroachdb/datadriven"}
}

// allowedGlobals lists package-level variables that are mutable all the same, each with the reason.
func allowedGlobals() map[string]string {
	return map[string]string{
		"rafttest/trace/html.go:pageFiles": "files embedded at build time, never written to",
		"logger.go:defaultLog":             "SetLogger and ResetDefaultLogger of the v3.6 API replace it",
	}
}
