# What models know from jq 1.7 and jaq's library lacks or does otherwise.

def toarray: if isarray then . else [.] end;
def trimstr($s): ltrimstr($s) | rtrimstr($s);
def ascii: [.] | implode;
def isvalid(f): try (f | true) catch false;
def leaf_paths: paths(scalars);

def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] = $row);
def INDEX(f): INDEX(.[]; f);

def from_entries: reduce .[] as $x ({}; . + {
  ($x | if .key == null then .k // .name // .Name // .K // .Key else .key end | if isstring then . else tojson end):
  ($x | if has("value") then .value elif has("v") then .v else .Value end) });
def with_entries(f): to_entries | map(f) | from_entries;

def _row(escape; $sep): map(
  if isstring then escape elif . == null then "" elif isarray or isobject
  then error("a row holds text, numbers, booleans and null, not \(tojson)") else tojson end) | join($sep);
def @csv: _row("\"" + gsub("\""; "\"\"") + "\""; ",");
def @tsv: _row(gsub("\\\\"; "\\\\") | gsub("\t"; "\\t") | gsub("\n"; "\\n") | gsub("\r"; "\\r"); "\t");
