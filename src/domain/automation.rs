//! Which requests for the links in a mail are made by programs that look at all mail, and not by its reader.

/// What a request says of who makes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asking<'a> {
    /// Whether only the head of the answer is wanted.
    pub is_head: bool,
    /// Whether the request says that it only looks ahead.
    pub looks_ahead: bool,
    /// The header `User-Agent`.
    pub user_agent: &'a str,
}

/// What the names of scanners, proxies that fetch ahead, and tools have in them, in lower case.
const PROGRAMS: &[&str] = &[
    "appengine-google",
    "barracuda",
    "bingpreview",
    "bot",
    "cloudmark",
    "crawler",
    "curl/",
    "facebookexternalhit",
    "forcepoint",
    "fortinet",
    "ggpht.com",
    "go-http-client",
    "googleimageproxy",
    "headless",
    "httpclient",
    "java/",
    "libwww",
    "mimecast",
    "okhttp",
    "preview",
    "proofpoint",
    "python",
    "safelinks",
    "scanner",
    "skypeuripreview",
    "slurp",
    "sophos",
    "spider",
    "symantec",
    "trendmicro",
    "urldefense",
    "wget/",
    "whatsapp",
    "yahoomailproxy",
    "zscaler",
];

impl Asking<'_> {
    /// Whether a program asks that does not tell that anybody read the mail. Programs that pass for browsers are known
    /// by nothing here; what follows a link within a second of its delivery is found out where that time is known.
    pub fn is_automated(&self) -> bool {
        if self.is_head || self.looks_ahead {
            return true;
        }
        // Apple Mail's privacy protection fetches every image when the mail arrives, and says no more than this.
        let agent = self.user_agent.trim();
        if agent.is_empty() || agent == "Mozilla/5.0" {
            return true;
        }
        let agent = agent.to_ascii_lowercase();
        PROGRAMS.iter().any(|program| agent.contains(program))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_automated(user_agent: &str) -> bool {
        Asking { user_agent, ..Asking::default() }.is_automated()
    }

    #[test]
    fn programs_are_told_from_people() {
        for program in [
            "",
            "Mozilla/5.0",
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "curl/8.5.0",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36",
        ] {
            assert!(is_automated(program), "{program}");
        }
        for person in [
            "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.5110)",
        ] {
            assert!(!is_automated(person), "{person}");
        }
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0";
        for ahead in [
            Asking { is_head: true, user_agent: firefox, ..Asking::default() },
            Asking { looks_ahead: true, user_agent: firefox, ..Asking::default() },
        ] {
            assert!(ahead.is_automated(), "{ahead:?}");
        }
    }
}
