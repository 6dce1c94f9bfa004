//! A page of a site: what a search finds of it.

#[cfg(not(target_arch = "wasm32"))]
use super::bytes::Encoder;
use super::bytes::{Decoded, Decoder};

/// A page as its HTML describes it; see [`Page::parse`](super::Page::parse).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// The address, relative to the site's folder.
    pub url: String,
    /// The language tag, in lower case; empty if the page names none.
    pub language: String,
    /// The title.
    pub title: String,
    /// The description, for readers who have not searched for words in it.
    pub description: String,
    /// The keywords, which are found and not shown.
    pub keywords: String,
    /// The names of filters with the page's values.
    pub filters: Vec<(String, String)>,
    /// The names of sort keys with the page's values.
    pub sorts: Vec<(String, String)>,
    /// Other facts about the page, such as an image, for results.
    pub meta: Vec<(String, String)>,
    /// Whether the page marks its content. If any page of a site does, the others have none.
    pub is_marked: bool,
    /// Whether the rest of the page was left out, because its elements are nested too deeply.
    pub is_truncated: bool,
    /// The sections with text, in order.
    pub sections: Vec<Section>,
}

/// The text under one heading.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Section {
    /// The fragment of its address; empty where the section has none.
    pub anchor: String,
    /// The headings above its text, outermost first.
    pub headings: Vec<String>,
    /// Its text, in which each run of white space is one space, in passages.
    pub passages: Vec<String>,
    /// How much its words count, in tenths; 10 is usual.
    pub weight: u8,
}

impl Page {
    /// The page as bytes, for [`Page::from_bytes`] of the same version of this library.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::default();
        for text in [&self.url, &self.language, &self.title, &self.description, &self.keywords] {
            encoder.text(text);
        }
        for list in [&self.filters, &self.sorts, &self.meta] {
            encoder.number(list.len());
            for (name, value) in list {
                encoder.text(name);
                encoder.text(value);
            }
        }
        encoder.number(self.is_marked.into());
        encoder.number(self.is_truncated.into());
        encoder.number(self.sections.len());
        self.sections.iter().for_each(|section| section.encode(&mut encoder));
        encoder.0
    }

    /// Reads what [`Page::to_bytes`] gave. `None` for damaged bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Page> {
        Page::decode(&mut Decoder(bytes)).ok()
    }

    fn decode(decoder: &mut Decoder) -> Decoded<Page> {
        let mut page = Page {
            url: decoder.text()?,
            language: decoder.text()?,
            title: decoder.text()?,
            description: decoder.text()?,
            keywords: decoder.text()?,
            ..Page::default()
        };
        for list in [&mut page.filters, &mut page.sorts, &mut page.meta] {
            for _ in 0..decoder.count()? {
                list.push((decoder.text()?, decoder.text()?));
            }
        }
        page.is_marked = decoder.number()? != 0;
        page.is_truncated = decoder.number()? != 0;
        for _ in 0..decoder.count()? {
            page.sections.push(Section::decode(decoder)?);
        }
        Ok(page)
    }
}

impl Section {
    /// The titles above the text: that of the page, then the headings.
    pub(super) fn titles<'s>(&'s self, title: &'s str) -> Vec<&'s str> {
        let headings = self.headings.iter().map(String::as_str).filter(|heading| *heading != title);
        std::iter::once(title).chain(headings).filter(|title| !title.is_empty()).collect()
    }

    /// What the models read of each passage; of a section without text, its titles.
    pub(super) fn model_texts(&self, title: &str) -> impl Iterator<Item = String> {
        let titles = self.titles(title).join(" > ");
        let without_text = self.passages.is_empty().then(String::new);
        let passages = self.passages.iter().cloned().chain(without_text);
        passages.map(move |passage| format!("{titles} {passage}").trim().to_owned())
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn encode(&self, encoder: &mut Encoder) {
        encoder.text(&self.anchor);
        encoder.texts(&self.headings);
        encoder.texts(&self.passages);
        encoder.number(self.weight.into());
    }

    pub(super) fn decode(decoder: &mut Decoder) -> Decoded<Section> {
        Ok(Section {
            anchor: decoder.text()?,
            headings: decoder.texts()?,
            passages: decoder.texts()?,
            weight: decoder.number()? as u8,
        })
    }
}
