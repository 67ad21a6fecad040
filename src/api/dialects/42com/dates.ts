import { parseWallClock } from '../../../engine/time.ts'

/** `2014-02-20 18:23:38.000000 GMT+0000` as PHP's clients write it, and ISO 8601 as `toISOString` and GWT do. */
const NUMERIC =
  /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))? ?(?:Z|(?=[GU+-])(?:GMT|UTC)?(?:([+-])(\d{2}):?(\d{2}))?)$/
/** `Thu Feb 20 2014 18:23:38 GMT+0000 (Coordinated Universal Time)`: a Date of JavaScript as text. */
const SPOKEN =
  /^([A-Z][a-z]{2}) ([A-Z][a-z]{2}) (\d{2}) (\d{4}) (\d{2}:\d{2}:\d{2}) GMT([+-])(\d{2})(\d{2})(?: \([^()]{1,60}\))?$/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/**
 * The instant (milliseconds since the epoch) of an `x-date`. It must say its offset from UTC, or that it has none. Undefined for
 * all else, and for dates and times that there are not.
 */
export function parseSentDate(text: string): number | undefined {
  return parseNumeric(text) ?? parseSpoken(text)
}

function parseNumeric(text: string): number | undefined {
  const [, date, time, fraction = '', sign, hours, minutes] = NUMERIC.exec(text) ?? []
  if (date === undefined || time === undefined) return undefined
  const seconds = instantOf(`${date} ${time}`, sign, hours, minutes)
  return seconds === undefined ? undefined : seconds + Number(fraction.padEnd(3, '0').slice(0, 3))
}

function parseSpoken(text: string): number | undefined {
  const [, weekday = '', name = '', day, year, time, sign, hours, minutes] = SPOKEN.exec(text) ?? []
  const month = String(MONTHS.indexOf(name) + 1).padStart(2, '0')
  const written = `${year ?? ''}-${month}-${day ?? ''} ${time ?? ''}`
  const local = instantOf(written, '+', '00', '00')
  if (local === undefined || WEEKDAYS[new Date(local).getUTCDay()] !== weekday) return undefined
  return instantOf(written, sign, hours, minutes)
}

/** No clock is ahead of UTC, or behind it, by more. */
const MOST_HOURS = 14

function instantOf(written: string, sign = '+', hours = '00', minutes = '00'): number | undefined {
  const asUtc = parseWallClock(written, 'UTC')
  if (asUtc === undefined || Number(hours) > MOST_HOURS || Number(minutes) > 59) return undefined
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000
  return sign === '-' ? asUtc + offsetMs : asUtc - offsetMs
}

/**
 * The first instant of a day, `14.02.2014` or `2014-02-14`, in that time zone, and the first of the next day. Undefined for a
 * day that there is not.
 */
export function parseDay(text: string, timeZone: string): { from: number; to: number } | undefined {
  const [, day, month, year] = /^(\d{2})\.(\d{2})\.(\d{4})$/.exec(text) ?? []
  const date = day === undefined ? text : `${year ?? ''}-${month ?? ''}-${day}`
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) return undefined
  const noon = parseWallClock(`${date} 12:00:00`, 'UTC')
  const from = parseWallClock(date, timeZone)
  if (noon === undefined || from === undefined) return undefined
  const to = parseWallClock(new Date(noon + 86_400_000).toISOString().slice(0, 10), timeZone)
  return to === undefined ? undefined : { from, to }
}
