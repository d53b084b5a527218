//! Two machines: the server in one network namespace, the client in another, with a cable and TLS between them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::support::certificate::certificate;
use crate::support::{Rushes, missing, told, videos};

const SERVER: &str = "10.213.77.1";
const CLIENT: &str = "10.213.77.2";

/// Two network namespaces with a cable between them; they go when it is dropped.
struct Cable {
    names: [String; 2],
}

fn ip(args: &[&str]) -> Output {
    Command::new("ip").args(args).output().unwrap()
}

impl Cable {
    /// `None` where this user may not make namespaces, or there is no `ip`.
    fn new() -> Option<Self> {
        let lack = |why: &str| {
            missing(
                "netns",
                &format!("two network namespaces cannot be made: {why}"),
            );
            None
        };
        if !rustix::process::geteuid().is_root() {
            return lack("only root may");
        }
        if Command::new("ip").arg("-V").output().is_err() {
            return lack("the command ip is missing; install iproute2");
        }
        let names =
            ["server", "client"].map(|side| format!("rushes-{side}-{}", std::process::id()));
        let cable = Self { names };
        for name in &cable.names {
            let made = ip(&["netns", "add", name]);
            if !made.status.success() {
                return lack(&told(&made));
            }
        }
        let [server, client] = &cable.names;
        // The ends are made where they belong, so that no name of this machine's own network is taken.
        let link = [
            "-n", server, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
            client,
        ];
        for args in [
            &link[..],
            &[
                "-n",
                server,
                "address",
                "add",
                &format!("{SERVER}/24"),
                "dev",
                "eth0",
            ],
            &[
                "-n",
                client,
                "address",
                "add",
                &format!("{CLIENT}/24"),
                "dev",
                "eth0",
            ],
            &["-n", server, "link", "set", "eth0", "up"],
            &["-n", client, "link", "set", "eth0", "up"],
        ] {
            let done = ip(args);
            if !done.status.success() {
                return lack(&told(&done));
            }
        }
        Some(cable)
    }

    /// A command on one of the two machines.
    fn on(&self, side: usize, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.names[side]]);
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside.stdin(Stdio::null());
        inside
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            drop(ip(&["netns", "del", name]));
        }
    }
}

/// The server; killed when dropped.
struct Remote(Child);

impl Drop for Remote {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn an_integrator_on_another_machine_gets_from_a_key_to_a_timeline() {
    let Some(rushes) = Rushes::new() else { return };
    let Some(cable) = Cable::new() else { return };
    let made = rushes.json(&["key", "create", "panel", "--scope", "write"]);
    let secret = made["secret"].as_str().unwrap();
    let [trusted, private] = certificate(rushes.folder.path(), &format!("IP:{SERVER}"));
    let (trusted, private) = (trusted.to_str().unwrap(), private.to_str().unwrap());
    let listen = format!("{SERVER}:7420");
    let tls = ["--tls-certificate", trusted, "--tls-key", private];
    let serve = rushes.command(&[&["serve", "--listen", &listen][..], &tls].concat());
    let mut serve = cable.on(0, &serve);
    let mut remote = Remote(serve.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let said = remote.0.stdout.as_mut().unwrap();
    BufReader::new(said).read_line(&mut line).unwrap();
    assert!(line.contains(&format!("https://{listen}")), "{line}");

    let curl = |args: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "300"]).args(args);
        cable.on(1, &command).output().unwrap()
    };
    let address = |path: &str| format!("https://{listen}{path}");
    let bearer = format!("authorization: Bearer {secret}");
    let ask = |path: &str, args: &[&str]| -> Vec<u8> {
        let url = address(path);
        let all = [
            &["--cacert", trusted, "-H", &bearer, "--fail-with-body", &url][..],
            args,
        ]
        .concat();
        let answer = curl(&all);
        assert!(answer.status.success(), "{path}: {}", told(&answer));
        answer.stdout
    };
    let json = |bytes: Vec<u8>| -> Value { serde_json::from_slice(&bytes).unwrap() };
    let body = "content-type: application/json";

    // Without trust in the certificate, without a key and without encryption, nothing is said.
    let refused = curl(&["-H", &bearer, &address("/v1/titles")]);
    assert_eq!(refused.status.code(), Some(60), "{}", told(&refused));
    let refused = curl(&[
        "--cacert",
        trusted,
        "-w",
        "%{http_code}",
        &address("/v1/titles"),
    ]);
    assert!(
        String::from_utf8_lossy(&refused.stdout).ends_with("401"),
        "{}",
        told(&refused)
    );
    let refused = curl(&["-H", &bearer, &format!("http://{listen}/v1/titles")]);
    assert!(!refused.status.success(), "{}", told(&refused));

    let video = videos::made(&rushes.folder.path().join("reel1.mp4"), 2, 40, 0);
    let file = format!("file=@{}", video.display());
    let made = json(ask("/v1/assets", &["-F", &file, "-F", "title=Day 3"]));
    let (asset, job) = (&made["assets"][0]["asset"], &made["assets"][0]["job"]);
    // The stream crosses the cable while the work is done, and ends with it.
    let stream = ask(
        &format!("/v1/jobs/{}/events", job.as_str().unwrap()),
        &["-N"],
    );
    let stream = String::from_utf8(stream).unwrap();
    let mut states = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let last: Value = serde_json::from_str(states.next_back().unwrap()).unwrap();
    assert_eq!(last["state"], "ready", "{last:#}");
    let shots = json(ask(
        &format!("/v1/assets/{}/shots", asset.as_str().unwrap()),
        &[],
    ));
    let shot = shots["shots"][1]["shot"].as_str().unwrap();
    let bin = format!(r#"{{"name": "Trailer", "picks": [{{"shot": "{shot}"}}]}}"#);
    ask("/v1/bins", &["-H", body, "-d", &bin]);
    let otio = ask(
        "/v1/exports",
        &["-H", body, "-d", r#"{"bin": "Trailer", "format": "otio"}"#],
    );
    let clip = &json(otio)["tracks"]["children"][0]["children"][0];
    assert_eq!(clip["source_range"]["duration"]["value"], 40.0, "{clip:#}");
    let jpeg = ask(&format!("/v1/shots/{shot}/thumbnail.jpg"), &[]);
    assert!(jpeg.starts_with(&[0xFF, 0xD8]));
    assert!(Path::new(trusted).is_file());
}
