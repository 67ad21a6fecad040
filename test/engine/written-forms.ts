/** A number by its parts: `49`, `3023125000`. */
export type Parts = { code: string; national: string }

/**
 * What becomes of an allowed number that is written so, in an account in Germany: it is `read`; it is read where its country has
 * the trunk prefix 0 (`trunk`), or is Germany (`home`); it is `refused`; it is refused or `another` number, of just these digits.
 */
type Reading = 'read' | 'trunk' | 'home' | 'refused' | 'another'
export type Form = { name: string; write: (of: Parts) => string; reading: Reading }

const groups = (digits: string, between: string) => digits.match(/.{1,3}/g)?.join(between) ?? ''
const full = (digits: string) =>
  digits.replaceAll(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)))
const arabic = (digits: string) =>
  digits.replaceAll(/\d/g, (digit) => String.fromCharCode(0x660 + Number(digit)))

const form = (name: string, reading: Reading, write: (of: Parts & { all: string }) => string): Form => ({
  ...{ name, reading },
  write: (of) => write({ ...of, all: of.code + of.national }),
})

/** Fifty ways in which one number is written, keyed, or smuggled in. */
export const FORMS: readonly Form[] = [
  form('with +', 'read', ({ all }) => `+${all}`),
  form('with 00', 'read', ({ all }) => `00${all}`),
  form('in groups', 'read', ({ code, national }) => `+${code} ${groups(national, ' ')}`),
  form('in groups with hyphens', 'read', ({ code, national }) => `+${code}-${groups(national, '-')}`),
  form('in groups with points', 'read', ({ code, national }) => `00${code}.${groups(national, '.')}`),
  form(
    'with the area in brackets',
    'read',
    ({ code, national }) => `+${code} (${national.slice(0, 3)}) ${national.slice(3)}`,
  ),
  form('with 00 in brackets', 'read', ({ all }) => `(00)${all}`),
  form('digit by digit', 'read', ({ all }) => groups(`00${all}`, '').split('').join('-')),
  form('with 0 0', 'read', ({ code, national }) => `0 0 ${code} ${national}`),
  form('with a space behind it', 'read', ({ all }) => `+${all} `),
  form('with a space behind its +', 'read', ({ all }) => `+ ${all}`),
  form('with a space before 00', 'read', ({ all }) => ` 00${all}`),
  form('without its +', 'read', ({ all }) => all),
  form('without its +, in groups', 'read', ({ code, national }) => `${code} ${groups(national, ' ')}`),
  form('with (0)', 'trunk', ({ code, national }) => `+${code} (0) ${national}`),
  form('with a trunk prefix after the code', 'trunk', ({ code, national }) => `00${code}0${national}`),
  form('national', 'home', ({ national }) => `0${national}`),
  form(
    'national, in groups',
    'home',
    ({ national }) => `0${national.slice(0, 2)} ${groups(national.slice(2), ' ')}`,
  ),
  form('national, in brackets', 'home', ({ national }) => `(0${national.slice(0, 2)}) ${national.slice(2)}`),

  form('with a digit more', 'another', ({ all }) => `+${all}1`),
  form('with three digits more', 'another', ({ all }) => `00${all}123`),
  form('with ten digits more', 'refused', ({ all }) => `+${all}1234567890`),
  form('with two trunk prefixes', 'refused', ({ code, national }) => `+${code}00${national}`),
  form('with + and 0', 'refused', ({ all }) => `+0${all}`),
  form('with 00 twice', 'refused', ({ all }) => `0000${all}`),
  form('with three zeros', 'refused', ({ all }) => `000${all}`),
  form('as in North America', 'refused', ({ all }) => `011${all}`),
  form('behind a carrier’s code', 'refused', ({ national }) => `010330${national}`),
  form('with + twice', 'refused', ({ all }) => `++${all}`),
  form('with a + within', 'refused', ({ code, national }) => `${code}+${national}`),
  form('with a space before its +', 'refused', ({ all }) => ` +${all}`),
  form('escaped', 'refused', ({ all }) => `%2B${all}`),
  form('escaped as HTML', 'refused', ({ all }) => `&#43;${all}`),
  form('with a wide +', 'refused', ({ all }) => `\uFF0B${all}`),
  form('in wide digits', 'refused', ({ all }) => `+${full(all)}`),
  form('in Arabic digits', 'refused', ({ all }) => `+${arabic(all)}`),
  form(
    'with a mark that turns the direction',
    'refused',
    ({ code, national }) => `+${code}\u202E${national}`,
  ),
  form('with a soft hyphen', 'refused', ({ code, national }) => `+${code}\u00AD${national}`),
  form('as a tel URI', 'refused', ({ all }) => `tel:+${all}`),
  form(
    'as a tel URI with a context',
    'refused',
    ({ code, national }) => `tel:${national};phone-context=+${code}`,
  ),
  form('with an extension', 'refused', ({ all }) => `+${all};ext=1`),
  form('with an extension behind x', 'refused', ({ all }) => `+${all}x5`),
  form('as a SIP address', 'refused', ({ all }) => `sip:+${all}@203.0.113.7`),
  form('with another trunk', 'refused', ({ all }) => `${all}@trunk2`),
  form('as a channel', 'refused', ({ all }) => `PJSIP/${all}@trunk`),
  form('with another channel', 'refused', ({ all }) => `+${all}&Local/${all}@inbound`),
  form('with a star', 'refused', ({ all }) => `*${all}`),
  form('with a hash', 'refused', ({ all }) => `00${all}#`),
  form('with a line behind it', 'refused', ({ all }) => `+${all}\r\nX-Evil: 1`),
  form('as a variable', 'refused', ({ all }) => `\${FILTER(0-9,${all})}`),
]
