//! `rushes people`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use super::output;
use crate::app::App;
use crate::catalog::audit::{self, AuditedRequest};
use crate::catalog::database;
use crate::catalog::people::{self, PeopleFilter, Person};
use crate::catalog::{CatalogError, FaceId, PersonId};
use crate::features::look_for_people;
use crate::search::forget_people;

/// Most faces that are shown of a person.
const MOST_FACES: u32 = 500;

/// Arguments of `people`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Descriptors of faces are biometric data, and many laws ask for the consent of those who are shown.
The sense is off until it is turned on, with the grounds. Both are noted in the audit log, and so is
who searched for whom. While it is off, no face is described. To turn it off deletes every person,
descriptor and picture of a face from the files of this catalogue.

Examples:
  rushes models pull faces                              once
  rushes people on --because \"consent of the cast, file 2026-117\"
  rushes people                                         who is seen, by the number of shots
  rushes people show \"Person 3\" --crops faces/          their faces, as JPEG files
  rushes people name \"Person 3\" Anna
  rushes people merge Anna \"Person 7\" \"Person 12\"
  rushes people split Anna 01KAX7Q0Z3ABCDEFGHJKMNPQRS --name Berta
  rushes search 'person:Anna person:Berta'              her with her, in one shot
  rushes search 'person:Anna face:>0.4 expression:strong'
  rushes people hide \"Person 5\"                         an extra
  rushes people delete Anna
  rushes people off")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the people, those in the most shots first
    List(ListArgs),
    /// Show one person and their faces
    Show {
        /// Name, number such as "Person 3", or id
        person: String,
        /// Write the pictures of the faces into this folder
        #[arg(long, value_name = "DIR")]
        crops: Option<PathBuf>,
    },
    /// Give a person a name
    Name {
        /// Name, number such as "Person 3", or id
        person: String,
        /// The name; none takes it away
        name: Option<String>,
    },
    /// Make several people one
    Merge {
        /// Who they all are
        person: String,
        /// The others
        #[arg(required = true)]
        others: Vec<String>,
        /// Name of the one person; needed if several of them have a name
        #[arg(long)]
        name: Option<String>,
    },
    /// Say that some faces of a person are somebody else's
    Split {
        /// Name, number such as "Person 3", or id
        person: String,
        /// Ids of the faces, as `show` lists them
        #[arg(required = true)]
        faces: Vec<FaceId>,
        /// Name of the other person
        #[arg(long)]
        name: Option<String>,
    },
    /// Leave a person out of lists, counts and searches
    Hide {
        /// Name, number such as "Person 3", or id
        person: String,
        /// Take the person in again
        #[arg(long)]
        undo: bool,
    },
    /// Delete a person with all their faces
    ///
    /// Where they were seen is noted, so that these files do not bring the person back when they are looked at again.
    /// Nothing is kept by which the person could be recognised, so a new video of them shows somebody without a name.
    Delete {
        /// Name, number such as "Person 3", or id
        person: String,
    },
    /// Cluster all faces again; what you said of people stays
    Cluster,
    /// Turn the sense on: look at the faces of all videos
    On {
        /// On what grounds, such as the consent of those who are shown
        #[arg(long, value_name = "GROUNDS")]
        because: String,
    },
    /// Turn the sense off, and delete every person, descriptor and picture of a face
    Off,
}

#[derive(Debug, Default, clap::Args)]
struct ListArgs {
    /// Only people with a name
    #[arg(long)]
    named: bool,
    /// Hidden people too
    #[arg(long)]
    hidden: bool,
    /// How many
    #[arg(long, short = 'n', default_value_t = 100)]
    limit: u32,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let json = args.json;
    let default = Command::List(ListArgs {
        limit: 100,
        ..ListArgs::default()
    });
    match args.command.unwrap_or(default) {
        Command::List(args) => list(app, &args, json).await,
        Command::Show { person, crops } => show(app, &person, crops, json).await,
        Command::Name { person, name } => {
            let mut tx = app.catalog.begin().await?;
            let person = people::find(&mut tx, &person, None).await?;
            people::name(&mut tx, &person, name.as_deref()).await?;
            tx.commit().await?;
            changed(app, &person.id, json).await
        }
        Command::Merge {
            person,
            others,
            name,
        } => {
            let mut tx = app.catalog.begin().await?;
            let person = people::find(&mut tx, &person, None).await?;
            people::merge(&mut tx, &person, &others, name.as_deref()).await?;
            tx.commit().await?;
            changed(app, &person.id, json).await
        }
        Command::Split {
            person,
            faces,
            name,
        } => {
            let mut tx = app.catalog.begin().await?;
            let person = people::find(&mut tx, &person, None).await?;
            let other = people::split(&mut tx, &person, &faces, name.as_deref()).await?;
            tx.commit().await?;
            changed(app, &other, json).await
        }
        Command::Hide { person, undo } => {
            let mut tx = app.catalog.begin().await?;
            let person = people::find(&mut tx, &person, None).await?;
            people::hide(&mut tx, &person, !undo).await?;
            tx.commit().await?;
            changed(app, &person.id, json).await
        }
        Command::Delete { person } => delete(app, &person, json).await,
        Command::Cluster => cluster(app, json).await,
        Command::On { because } => on(app, &because, json).await,
        Command::Off => off(app, json).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

async fn list(app: &App, args: &ListArgs, json: bool) -> anyhow::Result<()> {
    let filter = PeopleFilter {
        within: None,
        hidden: args.hidden,
        named: args.named,
    };
    let mut db = app.catalog.read().await?;
    let people = people::list(&mut db, filter, (0, args.limit)).await?;
    if json {
        return output::json(&serde_json::json!({ "people": people }));
    }
    if people.is_empty() {
        output::line("nobody yet; `rushes jobs` shows whether videos are still looked at");
        return Ok(());
    }
    let rows = people.iter().map(row).collect();
    output::table(&COLUMNS, rows);
    Ok(())
}

/// Columns of a table of people.
const COLUMNS: [&str; 5] = ["person", "shots", "titles", "", "id"];

fn row(person: &Person) -> Vec<String> {
    vec![
        person.label.clone(),
        person.shots.to_string(),
        person.titles.to_string(),
        if person.is_hidden { "hidden" } else { "" }.to_owned(),
        person.id.to_string(),
    ]
}

async fn show(app: &App, who: &str, crops: Option<PathBuf>, json: bool) -> anyhow::Result<()> {
    let mut db = app.catalog.read().await?;
    let person = people::find(&mut db, who, None).await?;
    let faces = people::faces_of(&mut db, &person.id, None, MOST_FACES).await?;
    if let Some(folder) = &crops {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        for face in &faces {
            let file = folder.join(format!("{}.jpg", face.id));
            let crop = people::crop(&mut db, &face.id, None).await?;
            std::fs::write(&file, crop)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    if json {
        return output::json(&serde_json::json!({ "person": person, "faces": faces }));
    }
    output::table(&COLUMNS, vec![row(&person)]);
    let rows = faces.iter().map(|face| {
        vec![
            face.id.to_string(),
            face.shot.to_string(),
            face.frame.to_string(),
            format!("{:.2}", face.size),
            face.expression.clone(),
        ]
    });
    output::table(
        &["face", "shot", "frame", "size", "expression"],
        rows.collect(),
    );
    Ok(())
}

/// Shows a person after a change.
async fn changed(app: &App, id: &PersonId, json: bool) -> anyhow::Result<()> {
    let mut db = app.catalog.read().await?;
    let person = people::find(&mut db, id.as_str(), None).await?;
    if json {
        return output::json(&person);
    }
    output::table(&COLUMNS, vec![row(&person)]);
    Ok(())
}

async fn delete(app: &App, who: &str, json: bool) -> anyhow::Result<()> {
    let mut tx = app.catalog.begin().await?;
    let person = people::find(&mut tx, who, None).await?;
    people::delete(&mut tx, &person).await?;
    // The name goes too, so the id is what is left to name.
    note(&mut tx, &format!("people delete {}", person.id), None).await?;
    tx.commit().await?;
    forget_people(&app.catalog, &app.config.pages_folder()).await?;
    if json {
        return output::json(&serde_json::json!({ "deleted": person.id }));
    }
    let shots = output::count(person.shots, "shot");
    output::line(&format!(
        "deleted {}, who was seen in {shots}",
        person.label
    ));
    Ok(())
}

async fn cluster(app: &App, json: bool) -> anyhow::Result<()> {
    let done = people::cluster_all(&app.catalog).await?;
    if json {
        return output::json(&done);
    }
    output::line(&format!(
        "compared {}: {} now, and {} moved",
        output::count(done.faces as u64, "face"),
        if done.people == 1 {
            "1 person".to_owned()
        } else {
            format!("{} people", done.people)
        },
        output::count(done.moved as u64, "face"),
    ));
    Ok(())
}

async fn on(app: &App, because: &str, json: bool) -> anyhow::Result<()> {
    let model = &app.config.models.faces;
    ensure!(
        !model.is_empty(),
        "`models.faces` in the settings is empty; name a model there"
    );
    let settings = app.settings()?;
    ensure!(
        settings.faces.is_some(),
        "the model {model} is not installed; run `rushes models pull {model}`"
    );
    let mut tx = app.catalog.begin().await?;
    people::turn_on(&mut tx, because, None).await?;
    note(&mut tx, "people on", Some(because)).await?;
    tx.commit().await?;
    let requested = look_for_people(&app.catalog, &settings).await?;
    if json {
        return output::json(&serde_json::json!({ "is_on": true, "requested": requested }));
    }
    let videos = output::count(requested as u64, "video");
    output::line(&format!(
        "the sense of people is on; {videos} will be looked at by `rushes serve`, `rushes work` or the next `rushes ingest`"
    ));
    Ok(())
}

async fn off(app: &App, json: bool) -> anyhow::Result<()> {
    let mut tx = app.catalog.begin().await?;
    let faces = people::turn_off(&mut tx, None).await?;
    note(&mut tx, "people off", None).await?;
    tx.commit().await?;
    forget_people(&app.catalog, &app.config.pages_folder()).await?;
    if json {
        return output::json(&serde_json::json!({ "is_on": false, "deleted": faces }));
    }
    let faces = output::count(faces, "face");
    output::line(&format!(
        "the sense of people is off; {faces} and all people are deleted"
    ));
    Ok(())
}

/// Notes in the audit log what this machine's user did.
async fn note(
    db: &mut database::Connection,
    what: &str,
    because: Option<&str>,
) -> Result<(), CatalogError> {
    let noted = AuditedRequest {
        key: None,
        method: "CLI",
        path: what,
        status: 200,
        request_id: "",
        note: because,
    };
    audit::note(db, noted).await
}
