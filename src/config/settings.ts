// What people read about each setting. Defaults are taken from here and nowhere else.
const TABLE = `
| Setting | Variable | Default | Unit or form | Meaning |
|---|---|---|---|---|
| data | PINBRIDGE_DATA | data | folder | Everything that is kept; the default lies in the folder of the package |
| http.host | PINBRIDGE_HTTP_HOST | 127.0.0.1 | address or host name of this machine | Where the HTTP APIs listen |
| http.port | PINBRIDGE_HTTP_PORT | 8080 | TCP port, 0 to 65535 | Port of the HTTP APIs; 0 takes a free one |
| http.publicUrl | PINBRIDGE_PUBLIC_URL | | http://… or https://… | Our address as clients reach it, for links to recordings; else http.host and http.port |
| asterisk.mode | PINBRIDGE_ASTERISK | local | local or none | Start an Asterisk of our own, or serve HTTP only |
| asterisk.ariUrl | PINBRIDGE_ARI_URL | | http://host:port or https://host:port | ARI of an Asterisk that runs already, used instead of our own |
| asterisk.ariUser | PINBRIDGE_ARI_USER | | letters, digits and . _ - | User at asterisk.ariUrl |
| asterisk.ariPassword | PINBRIDGE_ARI_PASSWORD | | at least 16 characters | Password at asterisk.ariUrl; our own Asterisk gets a generated one |
| asterisk.ariPort | PINBRIDGE_ARI_PORT | 8088 | TCP port, 1 to 65535 | Loopback port of our own Asterisk's ARI |
| asterisk.application | PINBRIDGE_ARI_APP | pinbridge | letters, digits, _ and - | Name by which the dialplan hands calls over, \`Stasis(name)\` |
| asterisk.recordings | PINBRIDGE_RECORDINGS | | folder | Where the Asterisk at asterisk.ariUrl writes recordings, if not /var/spool/asterisk/recording; our own writes below data |
| sip.host | PINBRIDGE_SIP_HOST | 0.0.0.0 | IP address of this machine | Where SIP listens |
| sip.port | PINBRIDGE_SIP_PORT | 5060 | UDP port, 1 to 65535 | Port of SIP |
| sip.trunk | PINBRIDGE_TRUNK | 127.0.0.1:5080 | host:port | The carrier: calls go there, and come from there unless sip.trunkMatch is set |
| sip.trunkMatch | PINBRIDGE_TRUNK_MATCH | | IP addresses and networks, comma-separated | Where calls may come from; else from the host of sip.trunk only |
| sip.rtpPorts | PINBRIDGE_RTP_PORTS | 20000-20999 | first-last UDP port, 1024 to 65535, at least four | Audio; a connected call takes four |
| sip.mediaAddress | PINBRIDGE_MEDIA_ADDRESS | | IP address | Address of audio, bound and offered; else each call chooses by its route |
| sip.externalAddress | PINBRIDGE_EXTERNAL_ADDRESS | | IPv4 address | Public address when behind NAT, told to whoever is not in a private network |
| sip.dtmf | PINBRIDGE_DTMF | auto | auto, auto_info, rfc4733, info or inband | How the trunk sends keys |
| sip.country | PINBRIDGE_COUNTRY | | two capital letters, ISO 3166-1 | Country of numbers that the trunk sends without a country code |
| digits.firstMs | PINBRIDGE_DIGITS_FIRST_MS | 8000 | milliseconds, 500 to 60000 | Wait for the first key after a prompt |
| digits.nextMs | PINBRIDGE_DIGITS_NEXT_MS | 4000 | milliseconds, 500 to 60000 | Wait for each further key |
| digits.totalMs | PINBRIDGE_DIGITS_TOTAL_MS | 30000 | milliseconds, 500 to 300000 | Wait for all keys of one input |
| pins.range | PINBRIDGE_PIN_RANGE | 1000000 | PINs, 1 to 10000000 | Most PINs that one write-pins or delete-pins may name |
| pins.contexts | PINBRIDGE_PIN_CONTEXTS | | names of contexts, comma-separated | Contexts of your dialplan to which accounts may send callers whose PIN was right, at any extension there; none unless named |
| fastagi.host | PINBRIDGE_AGI_HOST | 127.0.0.1 | IP address of this machine | Where FastAGI listens; it asks for no password, so keep it private |
| fastagi.port | PINBRIDGE_AGI_PORT | | TCP port, 0 to 65535 | Port of FastAGI, commonly 4573; nothing listens unless it is set, and 0 takes a free one |
| webhooks.allowPrivate | PINBRIDGE_WEBHOOK_PRIVATE | false | true or false | Deliver events to private and loopback addresses too |
| log.level | PINBRIDGE_LOG_LEVEL | info | trace, debug, info, warn, error, fatal or silent | Least important line that is logged |
`

type Setting = { key: string; env: string; initial: string; expected: string; meaning: string }

export const SETTINGS: readonly Setting[] = TABLE.trim()
  .split('\n')
  .slice(2)
  .map((line) => {
    const [, key = '', env = '', initial = '', expected = '', meaning = ''] = line
      .split('|')
      .map((s) => s.trim())
    return { key, env, initial, expected, meaning }
  })

/** The settings as a Markdown table, for the README and `pinbridge settings`. */
export function settingsTable(): string {
  return TABLE.trim()
}
