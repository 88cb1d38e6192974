//! What a user may have meant: the nearest of the words that are known.

/// The known word nearest to what was written, if one is near enough to be meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(&written, &word.to_lowercase()), word))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}

/// A longer list says nothing beside a near word.
const LIST_MAX: usize = 16;

/// "did you mean …", or what there is to choose from.
pub fn suggest(written: &str, known: &[&str]) -> String {
    let known = once_each(known);
    let all = listed(&known);
    match nearest(written, known.iter().copied()).or_else(|| holding(written, &known)) {
        Some(word) if known.len() == 1 || known.len() > LIST_MAX => {
            format!("did you mean `{word}`?")
        }
        Some(word) => format!("did you mean `{word}`? known: {all}"),
        None => format!("known: {all}"),
    }
}

/// The words in quotes, each once, and no more of them than can be read.
pub fn listed(words: &[&str]) -> String {
    let words = once_each(words);
    let quoted = words.iter().take(LIST_MAX).map(|word| format!("`{word}`"));
    let mut text = quoted.collect::<Vec<_>>().join(", ");
    if words.len() > LIST_MAX {
        text.push_str(&format!(" and {} more", words.len() - LIST_MAX));
    }
    text
}

fn once_each<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let first = |place: &usize| !words[..*place].contains(&words[*place]);
    (0..words.len()).filter(first).map(|p| words[p]).collect()
}

/// The first word that begins with what was written.
fn holding<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase();
    let begins = |word: &&&str| word.to_lowercase().starts_with(&written);
    known
        .iter()
        .find(begins)
        .filter(|_| !written.is_empty())
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_a_far_one_is_not() {
        let known = ["interval", "timeout", "judge"];
        assert_eq!(nearest("intervall", known), Some("interval"));
        assert_eq!(nearest("time_out", known), Some("timeout"));
        assert_eq!(nearest("zebra", known), None);
    }

    #[test]
    fn every_known_word_is_listed_once_and_a_long_list_is_cut() {
        assert_eq!(suggest("zebra", &["ping", "ping"]), "known: `ping`");
        let many: Vec<String> = (0..42).map(|k| format!("design {k}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = suggest("nope", &many);
        assert!(text.ends_with("`design 15` and 26 more"), "{text}");
        let point = suggest("ping", &[many.as_slice(), &["ping / shared"]].concat());
        assert_eq!(point, "did you mean `ping / shared`?");
    }
}
