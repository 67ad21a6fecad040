import type { Account } from '../../../src/engine/accounts.ts'
import type { Voucher } from '../../../src/engine/card-store.ts'
import type { Context } from '../../../src/engine/context.ts'
import { DEFAULT_SETTINGS } from '../../../src/engine/accounts.ts'
import type { NewCard } from '../../../src/engine/card-store.ts'
import type { Rate } from '../../../src/engine/rates.ts'
import type { Store } from '../../../src/engine/store.ts'
import type { Chance } from './chance.ts'

export const T0 = Date.UTC(2026, 0, 1)
const UNIT = 1_000_000
const VOUCHERS = 4

/** Cards may have two calls at once, of ten minutes at most; one destination is free. */
const settings = structuredClone(DEFAULT_SETTINGS)
settings.maxTalkMs = 600_000
settings.cards = { ...settings.cards, tariffId: 1, card: { ...settings.cards.account, callsAtOnce: 2 } }
export const ACME: Account = { id: 'acme', sid: 'acme', name: 'acme', settings, webhookSecret: 'whsec_' }

const times = { minimumSeconds: 0, incrementSeconds: 1 }
const RATES: Rate[] = [
  { ...times, prefix: '49', name: 'Germany', perMinuteMicros: 100_001, setUpMicros: 0, incrementSeconds: 60 },
  { prefix: '4915', name: 'mobile', perMinuteMicros: 333_333, setUpMicros: 70_000, minimumSeconds: 30, incrementSeconds: 6 }, // prettier-ignore
  { ...times, prefix: '1', name: 'free', perMinuteMicros: 0, setUpMicros: 0 },
]

/** The vouchers that the account's cards quarrel for, each as `<id> <pin>`. */
export const VOUCHER_NAMES = Array.from({ length: VOUCHERS }, (_, n) => `voucher-${n} 8765432${n}`)

/** An account with so many cards, of which the first has the id 1, and an endless visit that all calls are of. */
export async function fill(store: Store, cards: number): Promise<void> {
  await store.addAccount(ACME, [])
  const { version } = await store.beginTariff('acme', 'world', T0)
  await store.putRates(version, RATES)
  if ((await store.finishTariff(version)).id !== 1) throw new Error('another tariff than the settings say')
  const { id: groupId } = await store.addCardGroup({
    ...{ accountId: 'acme', name: 'gold', description: '', numberLength: 8, pinLength: 9, priceMicros: 0 },
    ...{ balanceMicros: 0, tariffId: undefined, validMs: undefined },
  })
  const save = Array.from({ length: cards }, (_, n): NewCard => ({
    ...{ accountId: 'acme', groupId, number: `1000000${n}`, name: '', pin: `12345678${n}`, cli: undefined },
    ...{ openingMicros: (n % 4) * UNIT, minimalBalanceMicros: 0, language: 'de', batch: '', sold: true },
    ...{ distributorId: undefined, validFrom: undefined, validUntil: undefined, firstUsedAt: undefined },
    ...{ dailyChargePaidTill: undefined, blocked: false, disabled: false, createdAt: T0 },
  }))
  await store.addCards({ accountId: 'acme', groupId, numbers: [], pins: [], clis: [] }, () => ({
    save,
    result: 0,
  }))
  const vouchers = VOUCHER_NAMES.map((name): Voucher => {
    const [id, pin] = name.split(' ') as [string, string]
    const open = { validUntil: undefined, createdAt: T0, usedAt: undefined, usedBy: undefined }
    return { id, accountId: 'acme', pin, amountMicros: 2 * UNIT + 1, ...open }
  })
  await store.addVouchers({ accountId: 'acme', length: 8, pins: [] }, () => ({ save: vouchers, result: 0 }))
  await store.addCall({
    ...{ id: 'visit', accountId: 'acme', vn: '+49', from: undefined, channelId: 'visit', state: 'ivr' },
    ...{ startedAt: T0, allocationId: undefined, transactionId: undefined, party: undefined, to: undefined },
    ...{ toChannelId: undefined, ringingAt: undefined, answeredAt: undefined, endedAt: undefined },
    ...{ callType: undefined, dialStatus: undefined, recordedUntil: undefined },
  })
}

/** A context of which everything but the order of things follows from a seed. */
export function contextOf(store: Store, clock: { ms: number }, chance: Chance): Context {
  const newId = () => `${chance.int(2 ** 31).toString(16)}-${chance.int(2 ** 31).toString(16)}`
  return { store, now: () => clock.ms, randomInt: chance.int, newId }
}
