//! Lists every folder that it has, and tries to list what is above.

fn main() {
    let mut found = Vec::new();
    for folder in ["/in", "/in/", "/in/.", "/in/sub/..", "/in/sub"] {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        found.push(format!("{folder} {:?}", entries.collect::<Vec<_>>()));
    }
    for folder in
        ["/", "/in/..", "/in/../..", "/in/sub/../..", "..", "../..", "", "/in/out", "/out/../in", "/sentinel", "/proc"]
    {
        assert!(std::fs::read_dir(folder).is_err(), "{folder} can be listed");
    }
    std::fs::write("/out/found", found.join("\n")).unwrap();
}
