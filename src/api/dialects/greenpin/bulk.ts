import * as z from 'zod'
import type { Account } from '../../../engine/accounts.ts'
import type { Context } from '../../../engine/context.ts'
import { updateAllocation } from '../../../engine/update.ts'
import { allocationData, CodedRefusal, type Failure, failure, refusalOf, success } from './answers.ts'
import { read } from './reading.ts'
import { wantedItem } from './request.ts'
import { bulkOf } from './schema.ts'

const anything = bulkOf(z.unknown())

/** Whether this is the body of a bulk, well-formed or not. */
export function isBulk(sent: unknown): boolean {
  return typeof sent === 'object' && sent !== null && 'greenpins' in sent
}

/** The items of a bulk PUT. Throws CodedRefusal 17 for too many of them, Refusal 'invalid' or 'missing'. */
export function bulkItems(sent: unknown): unknown[] {
  const { data, error } = anything.safeParse(sent)
  if (data) return data.greenpins
  const [issue] = error.issues
  if (issue?.code === 'too_big') throw new CodedRefusal(17)
  if (issue?.code === 'too_small') throw new CodedRefusal(3, 'greenpins')
  return read(anything, sent).greenpins
}

/**
 * Updates one allocation after the other, as an item may need a PIN that an earlier one gives up. What is refused, and
 * even a bug, which goes to `onBug`, harms no other item.
 */
export async function updateEach(
  ctx: Context,
  account: Account,
  items: unknown[],
  onBug: (error: unknown) => void,
) {
  const response = []
  for (const item of items) response.push(await updateOne(ctx, account, item, onBug))
  const total = response.length
  const granted = response.filter((envelope) => envelope.success).length
  return { http_code: 207, metadata: { failed: total - granted, total, success: granted }, response }
}

async function updateOne(ctx: Context, account: Account, item: unknown, onBug: (error: unknown) => void) {
  try {
    const { id, change } = wantedItem(item)
    return success(allocationData(await updateAllocation(ctx, account, id, change), account))
  } catch (error) {
    const refused: Failure | undefined = refusalOf(error)
    if (!refused) onBug(error)
    return refused ?? failure(0)
  }
}
