import { randomInt } from 'node:crypto'
import { v7 as newId } from 'uuid'
import { DEFAULT_SETTINGS, type Account } from '../src/engine/accounts.ts'
import { createAllocation } from '../src/engine/allocate.ts'
import type { Context } from '../src/engine/context.ts'
import type { Store } from '../src/engine/store.ts'
import { openSqlite } from '../src/store/sqlite.ts'
import { newWebhookSecret } from '../src/webhooks/sign.ts'

/** A call that ends with the answer to its PIN, and one that a second leg is dialled and bridged for. */
export const KINDS = ['pin', 'bridged'] as const
export type Kind = (typeof KINDS)[number]

/** The virtual numbers of the product's calls: nobody behind the first can be reached. */
export const VNS: Record<Kind, string> = { pin: '+916292134471', bridged: '+916292134472' }
/** What the called parties see. */
const OTHER_SIDE = '+916292134465'

/** A PIN, and the number of the party that it connects to. */
type Pin = { pin: string; number: string }
export type Pins = Record<Kind, Pin[]>

/** Written at once, so that thousands share each commit. */
const AT_ONCE = 1_000

/**
 * An account, its virtual numbers, and on each of them `count` allocations (at most 10,000) with a PIN of four digits
 * and a party of their own.
 */
export async function fillStore(file: string, webhook: string, count: number): Promise<Pins> {
  const store = openSqlite(file)
  const ctx: Context = { store, now: Date.now, randomInt: (max) => randomInt(max), newId }
  try {
    const account = await addAccount(store, webhook)
    const pins = { pin: parties('+9198', count), bridged: parties('+9199', count) }
    for (const kind of KINDS)
      for (let n = 0; n < count; n += AT_ONCE)
        await Promise.all(pins[kind].slice(n, n + AT_ONCE).map((pin) => allocate(ctx, account, pin, kind)))
    return pins
  } finally {
    await store.close()
  }
}

function parties(prefix: string, count: number): Pin[] {
  return Array.from({ length: count }, (_, n) => ({
    pin: String(n).padStart(4, '0'),
    number: `${prefix}${10_000_000 + n}`,
  }))
}

async function addAccount(store: Store, webhook: string): Promise<Account> {
  const account: Account = {
    id: newId(),
    sid: 'bench',
    name: 'bench',
    settings: {
      ...DEFAULT_SETTINGS,
      // The other side of a PIN call has no numbers, so it has PINs: longer ones, for they share a virtual number.
      pinLength: { a: 4, b: 6 },
      endpoints: { 'call.completed': webhook, 'caller.verified': webhook, 'caller.refused': webhook },
    },
    webhookSecret: newWebhookSecret(),
  }
  await store.addAccount(account, [])
  for (const number of [...Object.values(VNS), OTHER_SIDE])
    await store.addNumber({ number, accountId: account.id, flow: 'masking' })
  return account
}

/** Party A has nobody listed yet: whoever keys the PIN joins it. */
async function allocate(ctx: Context, account: Account, { pin, number }: Pin, kind: Kind): Promise<void> {
  // One party must have a number; where B must not be reachable, A has one that never calls.
  const [a, b] = kind === 'pin' ? [[number], []] : [[], [number]]
  await createAllocation(ctx, account, {
    transactionId: `${kind}-${pin}`,
    a: { numbers: a, vns: [VNS[kind]], pin },
    b: { numbers: b, vns: [OTHER_SIDE] },
  })
}
