import { updateCard } from '../../../engine/card-admin.ts'
import { activateCard, cardsPlace } from '../../../engine/card-pins.ts'
import { type Card, type CardFields, isUsable } from '../../../engine/cards.ts'
import { creditByCli } from '../../../engine/credit-by-cli.ts'
import { granted, Refusal } from '../../../engine/errors.ts'
import { clientWay } from '../../../engine/guard.ts'
import { formatAmount } from '../../../engine/money.ts'
import { Fault } from './answers.ts'
import { type Asked, printedCli } from './asked.ts'
import { notValid, readCli, withoutPlus } from './numbers.ts'
import type { Sent } from './schema.ts'

type Act<A> = Extract<Sent<'mycard-v2'>, { act: A }>

/** Where this vendor's clients' cards come from: "fldSerial" and "fldPIN" of its samples have so many digits. */
const GROUP = { name: '42com', description: '', numberLength: 8, pinLength: 9 }

/** "mycard-v2": cards by CLI. It makes money and tells PINs, so it is for the logins of the operator only. */
export async function mycard(asked: Asked, sent: Sent<'mycard-v2'>): Promise<object> {
  if (asked.cardId !== undefined) throw new Fault(403, 'Not Allowed For This Login')
  switch (sent.act) {
    case 'insert':
      return insert(asked, sent)
    case 'show':
      return answer(asked, await cardOf(asked, cliIn(asked, 'Telefon', sent.Telefon)))
    case 'blockcard':
      return change(asked, cliIn(asked, 'Telefon', sent.Telefon), { blocked: true })
    case 'unblockcard':
      return change(asked, cliIn(asked, 'Telefon', sent.Telefon), { blocked: false })
    case 'disableCliByNumber':
      return change(asked, cliIn(asked, 'cli', sent.cli), { disabled: true })
    case 'changeCliByNumber':
      return change(asked, cliIn(asked, 'cli', sent.cli), { cli: cliIn(asked, 'newCli', sent.newCli) })
    case 'activateMyCard':
      return activate(asked, sent)
  }
}

/** Throws Fault 403 with the name of the parameter. */
function cliIn({ account }: Asked, name: string, written: string): string {
  const cli = readCli(written, account.settings.country)
  if (cli === undefined) throw notValid(name)
  return cli
}

async function insert(asked: Asked, sent: Act<'insert'>): Promise<object> {
  const cli = cliIn(asked, 'Telefon', sent.Telefon)
  const { Amount: amountMicros } = sent
  const card = await creditByCli(asked.ctx, asked.account, {
    ...{ cli, amountMicros, group: GROUP },
    name: sent.Kunde.trim() || withoutPlus(cli),
    ...(sent.sendSmsInfo && { sms: sent.smsinfo_message }),
  })
  return answer(asked, card, amountMicros)
}

async function cardOf({ ctx, account }: Asked, cli: string): Promise<Card> {
  const card = await ctx.store.findCard({ accountId: account.id, cli })
  if (!card) throw new Fault(1001)
  return card
}

async function change(asked: Asked, cli: string, fields: CardFields): Promise<object> {
  return answer(asked, await updateCard(asked.ctx, asked.account, { cli }, fields))
}

async function activate(asked: Asked, sent: Act<'activateMyCard'>): Promise<object> {
  const { ctx, account } = asked
  const cli = cliIn(asked, 'cli', sent.cli)
  // The login is a shop's, whose many customers shall not lock each other out: none of them is counted as the caller.
  const keyed = { account, pin: sent.PIN, caller: undefined }
  const [place, way] = [cardsPlace(account.id), clientWay(account.id, 'cards')]
  const card = await activateCard(ctx, { ...keyed, place, way }, cli)
  if (card instanceof Refusal && card.code === 'not_found') throw new Fault(1200)
  return answer(asked, granted(card))
}

/** `bookedMicros`: what this request has put on the card; where it has put nothing, the sample shows the balance. */
function answer({ ctx, account }: Asked, card: Card, bookedMicros = card.balanceMicros): object {
  const euros = (micros: number) => `${formatAmount(micros, 2, 2, ',')} ${account.settings.cards.currency}`
  return {
    Kunde: card.name,
    CLI: printedCli(card),
    Amount: euros(bookedMicros),
    AmountAll: euros(card.balanceMicros),
    fldSerial: card.number,
    fldPIN: card.pin,
    active: isUsable(card, ctx.now()) ? 1 : '',
  }
}
