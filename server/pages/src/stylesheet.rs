/// The stylesheet of all pages.
#[derive(Clone, Copy, Debug)]
pub struct Stylesheet;

impl Stylesheet {
    pub const TEXT: &'static str = include_str!("../templates/login.css");
}
