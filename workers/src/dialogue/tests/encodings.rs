//! Files in encodings from before Unicode.

use encoding_rs::Encoding;

use super::*;

/// Lines of speech in languages that use each of the encodings.
const SPOKEN: &[(&str, &[&str])] = &[
    (
        "windows-1252",
        &[
            "Où êtes-vous allé hier soir ?",
            "Je n'ai pas dormi, j'étais très inquiète.",
            "Ça va, mon père est rentré à la maison.",
            "Le café était fermé.",
            "Vous n'avez rien vu ? C'est étrange.",
            "Après l'été, nous irons à l'hôtel.",
        ],
    ),
    (
        "windows-1252",
        &[
            "Wo warst du? Ich hätte dich gebraucht.",
            "Die Tür war geöffnet, und draußen hörte ich Schritte.",
            "Für dich würde ich alles tun, das weißt du.",
            "Schöne Grüße aus München.",
            "Natürlich können wir später darüber reden.",
            "Entschuldigung, ich möchte nicht stören.",
        ],
    ),
    (
        "windows-1252",
        &[
            "¿Dónde está mi hermano?",
            "No sé qué pasó aquí, señor.",
            "Mañana volveré a España, te lo prometí.",
            "¡Cuidado! Está detrás de ti.",
            "Él vivió allí muchos años.",
            "También quería decirte adiós.",
        ],
    ),
    (
        "windows-1251",
        &[
            "Где ты был вчера вечером?",
            "Я не знаю, о чём вы говорите.",
            "Подождите, пожалуйста, на улице.",
            "Мы поедем в Москву завтра утром.",
            "Это не моя вина.",
            "Спасибо за помощь, друг.",
        ],
    ),
    (
        "windows-1250",
        &[
            "Gdzie byłeś wczoraj wieczorem?",
            "Nie wiem, o czym mówisz, przyjacielu.",
            "Proszę, poczekaj na zewnątrz.",
            "Dziękuję bardzo, to było świetne.",
            "Musimy już iść, jest późno.",
            "Wszystko będzie dobrze, zobaczysz.",
        ],
    ),
    (
        "windows-1253",
        &[
            "Πού ήσουν χθες το βράδυ;",
            "Δεν ξέρω τι λες.",
            "Περίμενε έξω, σε παρακαλώ.",
            "Ευχαριστώ πολύ για τη βοήθεια.",
            "Πρέπει να φύγουμε τώρα.",
            "Όλα θα πάνε καλά.",
        ],
    ),
    (
        "windows-1254",
        &[
            "Dün gece neredeydin?",
            "Ne söylediğini bilmiyorum, arkadaşım.",
            "Lütfen dışarıda bekleyin.",
            "Çok teşekkür ederim, güzeldi.",
            "Şimdi gitmemiz gerekiyor.",
            "Her şey iyi olacak, göreceksin.",
        ],
    ),
    (
        "gbk",
        &[
            "你昨天晚上去哪儿了？",
            "我不知道你在说什么。",
            "请在外面等一下。",
            "我们明天早上去北京。",
            "这不是我的错。",
            "谢谢你的帮助，朋友。",
        ],
    ),
    (
        "big5",
        &[
            "你昨天晚上去哪裡了？",
            "我不知道你在說什麼。",
            "請在外面等一下。",
            "我們明天早上去台北。",
            "這不是我的錯。",
            "謝謝你的幫助，朋友。",
        ],
    ),
    (
        "shift_jis",
        &[
            "昨日の夜、どこにいたの？",
            "何を言っているのか分からない。",
            "外で待っていてください。",
            "明日の朝、東京へ行きます。",
            "それは私のせいじゃない。",
            "手伝ってくれてありがとう。",
        ],
    ),
    (
        "euc-jp",
        &[
            "昨日の夜、どこにいたの？",
            "何を言っているのか分からない。",
            "外で待っていてください。",
            "明日の朝、東京へ行きます。",
            "それは私のせいじゃない。",
            "手伝ってくれてありがとう。",
        ],
    ),
    (
        "euc-kr",
        &[
            "어젯밤에 어디 있었어?",
            "무슨 말을 하는지 모르겠어요.",
            "밖에서 기다려 주세요.",
            "우리는 내일 아침 서울에 갑니다.",
            "그건 내 잘못이 아니야.",
            "도와줘서 고마워, 친구.",
        ],
    ),
    (
        "windows-874",
        &[
            "เมื่อคืนคุณอยู่ที่ไหน",
            "ฉันไม่รู้ว่าคุณพูดอะไร",
            "กรุณารอข้างนอก",
            "พรุ่งนี้เช้าเราจะไปกรุงเทพ",
            "มันไม่ใช่ความผิดของฉัน",
            "ขอบคุณสำหรับความช่วยเหลือ",
        ],
    ),
    (
        "windows-1255",
        &[
            "איפה היית אתמול בלילה?",
            "אני לא יודע על מה אתה מדבר.",
            "בבקשה חכה בחוץ.",
            "ניסע לירושלים מחר בבוקר.",
            "זו לא אשמתי.",
            "תודה על העזרה, חבר.",
        ],
    ),
    (
        "windows-1256",
        &[
            "أين كنت الليلة الماضية؟",
            "لا أعرف عما تتحدث.",
            "من فضلك انتظر في الخارج.",
            "سنذهب إلى القاهرة صباح الغد.",
            "هذا ليس خطئي.",
            "شكرا على المساعدة يا صديقي.",
        ],
    ),
];

fn file(lines: &[&str]) -> String {
    let cue = |(at, line): (usize, &&str)| {
        format!(
            "{}\n00:00:{at:02},000 --> 00:00:{at:02},900\n{line}\n\n",
            at + 1
        )
    };
    lines.iter().enumerate().map(cue).collect()
}

fn encoded(name: &str, text: &str) -> Vec<u8> {
    let (bytes, _, unmappable) = Encoding::for_label(name.as_bytes()).unwrap().encode(text);
    assert!(!unmappable, "{name}: {text}");
    bytes.into_owned()
}

#[test]
fn files_in_old_encodings_are_read() {
    let mut wrong = Vec::new();
    for (name, lines) in SPOKEN {
        match parse(&encoded(name, &file(lines))) {
            Ok(found) if found.cues.iter().map(|cue| &cue.text).eq(lines.iter()) => {
                // A warning says that the encoding was guessed.
                let name = Encoding::for_label(name.as_bytes()).unwrap().name();
                let warned: Vec<_> = found.warnings.iter().map(|w| (w.fault, w.line)).collect();
                assert_eq!(warned, [(Fault::Guessed(name), 3)]);
                let told = found.warnings[0].to_string();
                assert!(
                    told.starts_with("line 3: ") && told.contains(name),
                    "{told}"
                );
            }
            other => wrong.push(format!("{name}: {:?}", other.map(|found| found.cues))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Short files are never certain, but what is read must be right.
#[test]
fn a_short_file_is_read_rightly_or_refused() {
    let (mut read, mut refused) = (0, 0);
    for (name, lines) in SPOKEN {
        for from in 0..lines.len() {
            for to in from + 1..=lines.len() {
                match parse(&encoded(name, &file(&lines[from..to]))) {
                    Ok(found) => {
                        read += 1;
                        let texts = found.cues.iter().map(|cue| &cue.text);
                        assert!(texts.eq(&lines[from..to]), "{name}: {:?}", found.cues);
                    }
                    Err(DialogueError::Encoding { .. }) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    assert!(read > 100 && refused > 50, "{read} read, {refused} refused");
}

#[test]
fn too_few_letters_are_refused_with_the_way_to_convert_them() {
    let error = parse(b"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n").unwrap_err();
    assert_eq!(error, DialogueError::Encoding { offset: 35 });
    assert!(error.to_string().contains("iconv"));
}

#[test]
fn utf_16_is_read_with_or_without_a_byte_order_mark() {
    let text = file(&["café"]);
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [
        [&[0xFF, 0xFE], &little[..]].concat(),
        [&[0xFE, 0xFF], &big[..]].concat(),
        little,
        big,
    ] {
        assert_eq!(parse(&bytes).unwrap().cues[0].text, "café");
    }
}

#[test]
fn a_damaged_letter_costs_no_more_than_itself() {
    let mut bytes = file(&[
        "größer als früher, schöner auch",
        "hätte ich das geahnt, wäre ich fröhlich und nicht müde",
        "müde",
    ])
    .into_bytes();
    let at = bytes
        .windows(3)
        .rposition(|bytes| bytes == "mü".as_bytes())
        .unwrap();
    bytes[at + 1] = 0xff;
    let found = parse(&bytes).unwrap();
    assert_eq!(found.cues[0].text, "größer als früher, schöner auch");
    assert!(found.cues[2].text.starts_with('m') && found.cues[2].text.ends_with("de"));
    let warnings: Vec<_> = found.warnings.iter().map(|w| (w.fault, w.line)).collect();
    assert_eq!(warnings, [(Fault::Letters, 11)]);
    // A letter at the start of a line belongs to that line, whatever ends the previous one.
    for end in ["\n", "\r\n", "\r"] {
        let lines = ["1", "00:00:01,000 --> 00:00:02,000", "\u{fffd}u", ""];
        let text = lines.join(end).replace('\u{fffd}', "ää ää ää ää ");
        let mut bytes = text.into_bytes();
        let at = bytes.iter().position(|byte| !byte.is_ascii()).unwrap();
        bytes[at] = b'\xff';
        bytes.remove(at + 1);
        let found = parse(&bytes).unwrap();
        let warnings: Vec<_> = found.warnings.iter().map(|w| (w.fault, w.line)).collect();
        assert_eq!(warnings, [(Fault::Letters, 3)], "{end:?}");
    }
}
