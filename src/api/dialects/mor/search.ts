import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { CardFilter } from '../../../engine/card-store.ts'
import type { Card } from '../../../engine/cards.ts'
import { formatAmount } from '../../../engine/money.ts'
import { xmlAround, xmlOf, type Element, XML_TYPE } from '../../xml.ts'
import { MorError } from './answers.ts'
import type { Asked } from './mor.ts'
import { given, type Sent } from './schema.ts'
import { amountAtLeast, amountAtMost, callerIdOf, idOf, zonedTime } from './values.ts'

/** Cards that are read at once: calls wait for no longer a read. */
const PAGE = 500
/** A longer text is in no card, and costly to compare with. */
const LONGEST_PATTERN = 1_000

/**
 * The cards that are all that is asked for, by group and then by number. A value that none can have finds none and is no error.
 * They are read and sent page by page, as fast as the client takes them.
 */
export async function search(asked: Asked, sent: Sent<'calling_cards_get'>): Promise<void> {
  const { account, role, res } = asked
  // Whoever may search by what they may not see finds it out digit by digit.
  if (role === 'accountant-no-pins' && given(sent.pin) !== undefined)
    throw new MorError('You are not authorized to use this functionality')
  const filter = filterOf(sent, account.settings.country)
  const limit = countOf(sent.limit, Infinity)
  const offset = countOf(sent.offset, 0)
  if (!filter || limit === undefined || offset === undefined) throw new MorError(NONE)
  const texts = textsOf(asked, cardsOf(asked, filter, { limit, offset }))
  // The first page is read before anything is said: until then, what goes wrong is still an error in MOR's form.
  const first = await texts.next()
  if (first.done === true) throw new MorError(NONE)
  const all = async function* () {
    yield first.value
    yield* texts
  }
  res.status(200).set('Content-Type', XML_TYPE)
  await pipeline(Readable.from(all(), { highWaterMark: 1 }), res).catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  })
}

const NONE = 'Cards were not found'

/** The document, page by page; nothing where there are no cards. */
async function* textsOf(
  { ctx, account, role }: Asked,
  pages: AsyncGenerator<Card[], undefined>,
): AsyncGenerator<string, undefined> {
  const names = new Map((await ctx.store.distributors(account.id)).map(({ id, name }) => [id, name]))
  const { open, depth, close } = xmlAround(['page', 'cards'])
  const write = (card: Card) =>
    elementOf(card, {
      distributor: card.distributorId === undefined ? undefined : names.get(card.distributorId),
      timeZone: account.settings.timeZone,
      pin: role === 'accountant-no-pins' ? undefined : card.pin,
    })
  let before = open
  for await (const page of pages) {
    yield before + page.map((card) => xmlOf(write(card), depth)).join('')
    before = ''
  }
  if (before === '') yield close
}

/** Page after page, none of them empty. */
async function* cardsOf(
  { ctx, account }: Asked,
  filter: CardFilter,
  { limit, offset }: { limit: number; offset: number },
): AsyncGenerator<Card[], undefined> {
  let [left, skip] = [limit, offset]
  for (let last: Card | undefined; left > 0;) {
    const wanted = Math.min(PAGE, skip + left)
    const page = await ctx.store.cardsMatching(account.id, filter, last, wanted)
    const taken = page.slice(skip)
    if (taken.length > 0) yield taken
    if (page.length < wanted) return
    ;[left, skip, last] = [left - taken.length, Math.max(skip - page.length, 0), page.at(-1)]
  }
}

/** Undefined when no card can be like that. */
function filterOf(sent: Sent<'calling_cards_get'>, country: string): CardFilter | undefined {
  const { number, name, pin, batch_number: batch, language } = sent
  const wanted: { [F in keyof CardFilter]?: CardFilter[F] | undefined | typeof NOBODY } = {
    ...{ number: pattern(number), name: pattern(name), pin: pattern(pin), batch: pattern(batch) },
    cli: pattern(given(sent.callerid) && callerIdPattern(sent.callerid ?? '', country)),
    minBalanceMicros: value(sent.min_balance, amountAtLeast),
    maxBalanceMicros: value(sent.max_balance, amountAtMost),
    // The one text that is compared as it is.
    language: value(language, (text) => (/[%_]/.test(text) ? undefined : text)),
    sold: value(sent.sold, (text) => SOLD.get(text.toLowerCase())),
    distributorId: value(sent.distributor, idOf),
  }
  const said = Object.entries(wanted).filter(([, part]) => part !== undefined)
  if (said.some(([, part]) => part === NOBODY)) return undefined
  return Object.fromEntries(said)
}

/** A telephone number is kept in E.164, however it was written, and found however it is written. */
function callerIdPattern(written: string, country: string): string {
  return /[%_]/.test(written) ? written : callerIdOf(written, country)
}

/** What no card has. */
const NOBODY = Symbol('nobody')

const SOLD = new Map([
  ['yes', true],
  ['no', false],
  ['1', true],
  ['0', false],
])

function pattern(text: string | undefined): string | undefined | typeof NOBODY {
  return value(text, (written) => (written.length > LONGEST_PATTERN ? undefined : written))
}

function value<T>(
  text: string | undefined,
  readIt: (text: string) => T | undefined,
): T | undefined | typeof NOBODY {
  return given(text) === undefined ? undefined : (readIt(text ?? '') ?? NOBODY)
}

/** Undefined for what is no count. */
function countOf(written: string | undefined, otherwise: number): number | undefined {
  return given(written) === undefined ? otherwise : idOf(written ?? '')
}

/** In the order of the manual's sample. */
function elementOf(
  card: Card,
  {
    distributor,
    timeZone,
    pin,
  }: { distributor: string | undefined; timeZone: string; pin: string | undefined },
): Element {
  const time = (instant: number | undefined) => (instant === undefined ? '' : zonedTime(instant, timeZone))
  const parts: [string, string | undefined][] = [
    ['card_id', String(card.id)],
    ['card_number', card.number],
    ['card_name', card.name],
    ['card_pin', pin],
    ['card_batch_number', card.batch],
    ['card_callerid', card.cli ?? ''],
    ['card_balance', formatAmount(card.balanceMicros, 1)],
    ['card_minimal_balance', formatAmount(card.minimalBalanceMicros, 1)],
    ['card_first_use', time(card.firstUsedAt)],
    ['card_daily_charge_paid_till', time(card.dailyChargePaidTill)],
    ['card_sold', card.sold ? '1' : '0'],
    ['card_language', card.language],
    ['card_distributor', distributor],
  ]
  return ['card', parts.flatMap(([name, text]): Element[] => (text === undefined ? [] : [[name, text]]))]
}
