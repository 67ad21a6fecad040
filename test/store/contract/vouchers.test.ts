import { expect, test } from '@jest/globals'
import type { VoucherSeen } from '../../../src/engine/card-store.ts'
import { addCard, addVouchers, find, GUESSER, movement, NOBODY, voucher } from './card-given.ts'
import { account, ALL, contract, failing, T0 } from './given.ts'

contract('vouchers', (it) => {
  const query = (cardId: number, pin: string, accountId = 'acme') => ({
    accountId,
    cardId,
    pin,
    guesser: GUESSER,
  })
  const see = (...of: Parameters<typeof query>) =>
    it.store.useVoucher<VoucherSeen>(query(...of), (seen) => ({ result: seen }))
  const around = (length: number, pins: string[], accountId = 'acme') =>
    it.store.addVouchers({ accountId, length, pins }, (seen) => ({ result: seen }))

  test('are seen with the card and how many are like them, until they are used', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const card = await addCard(it.store)
    const [mine, other] = [voucher(), voucher({ validUntil: T0 + 9 })]
    await addVouchers(it.store, mine, other, voucher({ pin: '7'.repeat(9) }))
    await addVouchers(it.store, voucher({ accountId: 'other', pin: mine.pin, amountMicros: 1 }))
    const suspicion = { tallies: NOBODY, known: false, pinsAlike: 2 }
    expect(await see(card.id, mine.pin)).toEqual({ voucher: mine, card, suspicion })
    expect(await see(card.id, other.pin)).toEqual({ voucher: other, card, suspicion })
    expect(await see(99, '0'.repeat(8))).toEqual({ voucher: undefined, card: undefined, suspicion })
    expect(await see(card.id, mine.pin, 'other')).toMatchObject({
      card: undefined,
      suspicion: { pinsAlike: 1 },
    })
    const use = { at: T0 + 5, move: movement(2_000_000, { kind: 'voucher', reference: mine.id }) }
    expect(await it.store.useVoucher(query(card.id, mine.pin), () => ({ use, result: 'done' }))).toBe('done')
    const used = { ...mine, usedAt: T0 + 5, usedBy: card.id }
    const richer = { ...card, balanceMicros: 7_000_000 }
    expect(await see(card.id, mine.pin)).toEqual({ voucher: used, card: richer, suspicion: { ...suspicion, pinsAlike: 1 } }) // prettier-ignore
  })

  test('are made with what there is, and none when one cannot be', async () => {
    const [first, second] = [voucher(), voucher()]
    await addVouchers(it.store, first)
    expect(await around(8, [first.pin, second.pin])).toEqual({ taken: new Set([first.pin]), pinsAlike: 1 })
    expect(await around(9, [])).toEqual({ taken: new Set(), pinsAlike: 0 })
    expect(await around(8, [first.pin], 'other')).toEqual({ taken: new Set(), pinsAlike: 0 })
    await expect(addVouchers(it.store, second, voucher({ pin: first.pin }))).rejects.toThrow(/UNIQUE/)
    expect(await around(8, [second.pin])).toEqual({ taken: new Set(), pinsAlike: 1 })
  })

  test('are used with their money and the blame, or not at all', async () => {
    const card = await addCard(it.store)
    const mine = voucher()
    await addVouchers(it.store, mine)
    const key = query(card.id, mine.pin)
    await expect(it.store.useVoucher(key, failing('bug'))).rejects.toThrow('bug')
    const kept = { emptyAt: T0, lockedUntil: 0, strikes: 2 }
    const tally = { ...kept, forgetAt: T0 }
    const blame = { caller: tally, place: tally, way: tally }
    const bad = { at: T0, move: movement(-9_000_000, { kind: 'correction' }) }
    await expect(it.store.useVoucher(key, () => ({ use: bad, blame, result: 0 }))).rejects.toThrow(/CHECK/)
    expect(await see(card.id, mine.pin)).toMatchObject({
      voucher: mine,
      card,
      suspicion: { tallies: NOBODY },
    })
    await it.store.useVoucher(query(card.id, 'wrong'), () => ({ blame, result: 0 }))
    expect((await see(card.id, mine.pin)).suspicion.tallies).toEqual({ caller: kept, place: kept, way: kept })
    expect(await find(it.store, card)).toEqual(card)
  })
})
