import type { Account, Role } from '../../../engine/accounts.ts'
import type { Context } from '../../../engine/context.ts'
import { MorError } from './answers.ts'
import { isSigned, type MethodName } from './hash.ts'

/** Who asks, once let in. */
export type Caller = { account: Account; role: Role }

const MUST_BE_ADMIN = {
  admin: true,
  accountant: false,
  'accountant-no-pins': false,
  'accountant-no-cards': false,
}
const MAY_LOOK = { ...MUST_BE_ADMIN, accountant: true, 'accountant-no-pins': true }

const MAY: Record<MethodName, Record<Exclude<Role, 'user'>, boolean>> = {
  calling_cards_get: MAY_LOOK,
  calling_cards_create: MUST_BE_ADMIN,
  calling_card_update: MUST_BE_ADMIN,
  card_balance_get: MAY_LOOK,
}

/**
 * Whether the request may do anything, in MOR's order: of several things that are wrong, clients are told the first. Throws
 * MorError. `onKnown` is told the account of a user who has shown the secret key.
 */
export async function letIn(
  ctx: Context,
  { method, isGet, sent }: { method: MethodName; isGet: boolean; sent: ReadonlyMap<string, string> },
  onKnown: (account: Account) => void,
): Promise<Caller> {
  const login = await ctx.store.findLogin('mor', sent.get('u') ?? '')
  if (!login) throw new MorError('Access Denied')
  const { account, secretHash: secretKey, role = 'admin' } = login
  const { enabled, get } = account.settings.cards.mor
  if (!enabled) throw new MorError('API Requests are disabled', { bare: true })
  if (isGet && !get) throw new MorError('GET Requests are disabled', { bare: true })
  if (secretKey === '') throw new MorError('API must have Secret Key', { bare: true })
  if (!isSigned(method, sent, secretKey)) throw new MorError('Incorrect hash', { bare: true })
  onKnown(account)
  if (role === 'user') throw new MorError('Access Denied')
  if (!MAY[method][role]) throw new MorError('You are not authorized to use this functionality')
  return { account, role }
}
