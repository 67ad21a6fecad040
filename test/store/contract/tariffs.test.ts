import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Rate } from '../../../src/engine/rates.ts'
import { addTariff, rate } from './card-given.ts'
import { account, ALL, contract, T0 } from './given.ts'

contract('an import of a tariff', (it) => {
  const listed = async (id: number, limit = 99) =>
    (await it.store.ratesAfter(id, undefined, limit)).map(({ prefix }) => prefix)

  test('is a tariff when it is finished, and nothing of it is one before', async () => {
    const { version, sameName } = await it.store.beginTariff('acme', 'world', T0)
    expect(sameName).toBeUndefined()
    await it.store.putRates(version, [rate('49'), rate('1')])
    expect(await it.store.tariffs('acme')).toEqual([])
    const again = rate('49', { name: 'again', perMinuteMicros: 7 })
    await it.store.putRates(version, [rate('49', { name: 'meanwhile' }), again])
    const made = await it.store.finishTariff(version)
    expect(made).toEqual({ id: made.id, accountId: 'acme', name: 'world', rates: 2, importedAt: T0 })
    expect(await it.store.tariffs('acme')).toEqual([made])
    expect(await it.store.ratesAfter(made.id, undefined, 9)).toEqual([rate('1'), again])
  })

  test('replaces the tariff of its name in one go, which keeps its id', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const theirs = await addTariff(it.store, [rate('7')], 'world', 'other')
    const old = await addTariff(it.store, [rate('1'), rate('2')])
    const { version, sameName } = await it.store.beginTariff('acme', 'world', T0 + 9)
    expect(sameName).toEqual(old)
    await it.store.putRates(version, [rate('2', { perMinuteMicros: 5 }), rate('3')])
    expect(await listed(old.id)).toEqual(['1', '2'])
    expect(await it.store.findRate(old.id, '2')).toEqual(rate('2'))
    expect(await it.store.finishTariff(version)).toEqual({ ...old, importedAt: T0 + 9 })
    expect(await listed(old.id)).toEqual(['2', '3'])
    expect(await it.store.findRate(old.id, '1')).toBeUndefined()
    expect(await it.store.findRate(old.id, '2')).toEqual(rate('2', { perMinuteMicros: 5 }))
    expect([await listed(theirs.id), await it.store.tariffs('other')]).toEqual([['7'], [theirs]])
    // What was replaced goes, portion by portion, and no more.
    expect([await it.store.forgetRates(1, 0), await it.store.forgetRates(9, 0)]).toEqual([1, 1])
    expect(await it.store.forgetRates(9, 0)).toBe(0)
    expect([await listed(old.id), await listed(theirs.id)]).toEqual([['2', '3'], ['7']])
  })

  test('of two at once is the one that is finished last', async () => {
    const [a, b] = [
      await it.store.beginTariff('acme', 'world', T0),
      await it.store.beginTariff('acme', 'world', T0),
    ]
    await it.store.putRates(a.version, [rate('1')])
    await it.store.putRates(b.version, [rate('2')])
    const { id } = await it.store.finishTariff(b.version)
    expect(await it.store.finishTariff(a.version)).toMatchObject({ id, rates: 1 })
    expect(await listed(id)).toEqual(['1'])
    expect(await it.store.forgetRates(99, 0)).toBe(1)
    expect(await listed(id)).toEqual(['1'])
  })

  test('that was left is thrown away, and then can neither go on nor be finished', async () => {
    const kept = await addTariff(it.store, [rate('1')], 'kept')
    const [left, fresh] = [
      await it.store.beginTariff('acme', 'x', T0),
      await it.store.beginTariff('acme', 'x', T0 + 1),
    ]
    for (const { version } of [left, fresh])
      await it.store.putRates(version, [rate('5'), rate('6'), rate('7')])
    expect(await it.store.forgetRates(99, T0)).toBe(0)
    expect(await it.store.forgetRates(2, T0 + 1)).toBe(2)
    await expect(it.store.putRates(left.version, [rate('8')])).rejects.toThrow(/is over/)
    await expect(it.store.finishTariff(left.version)).rejects.toThrow(/is over/)
    expect(await it.store.forgetRates(99, T0 + 1)).toBe(1)
    await expect(it.store.finishTariff(left.version)).rejects.toThrow(/is over/)
    const { id } = await it.store.finishTariff(fresh.version)
    await expect(it.store.finishTariff(fresh.version)).rejects.toThrow(/is over/)
    expect([await listed(id), await listed(kept.id)]).toEqual([['5', '6', '7'], ['1']])
  })

  test('that is empty, too, is a tariff, and goes without a trace when it was left or replaced', async () => {
    const none = await addTariff(it.store, [])
    expect(none.rates).toBe(0)
    await addTariff(it.store, [])
    await it.store.beginTariff('acme', 'x', T0)
    await addTariff(it.store, [rate('1')], 'y')
    await addTariff(it.store, [rate('2')], 'y')
    // None of the two that have nothing keeps it from the next.
    expect(await it.store.forgetRates(1, T0 + 1)).toBe(1)
    expect((await it.store.tariffs('acme')).map(({ name }) => name)).toEqual(['world', 'y'])
  })

  test('keeps none of the rates that come with one that cannot be', async () => {
    const { version } = await it.store.beginTariff('acme', 'world', T0)
    const bad = { ...rate('2'), perMinuteMicros: -1 }
    await expect(it.store.putRates(version, [rate('1'), bad])).rejects.toThrow(/CHECK/)
    await expect(it.store.putRates(version, [rate('1'.repeat(16))])).rejects.toThrow(/CHECK/)
    await expect(it.store.putRates(version, [rate('')])).rejects.toThrow(/CHECK/)
    expect(await it.store.finishTariff(version)).toMatchObject({ rates: 0 })
  })
})

contract('a tariff', (it) => {
  test('is read in pages, by the text of the prefix', async () => {
    const rates = ['10', '2', '1', '100', '11'].map((prefix) => rate(prefix, { setUpMicros: 3, minimumSeconds: 30, incrementSeconds: 6 })) // prettier-ignore
    const { id } = await addTariff(it.store, rates)
    const [second, fifth, first, third, fourth] = rates
    expect(await it.store.ratesAfter(id, undefined, 2)).toEqual([first, second])
    expect(await it.store.ratesAfter(id, '10', 2)).toEqual([third, fourth])
    expect(await it.store.ratesAfter(id, '11', 2)).toEqual([fifth])
    expect(await it.store.ratesAfter(id, '2', 2)).toEqual([])
    expect(await it.store.ratesAfter(id + 1, undefined, 2)).toEqual([])
    expect(await it.store.findRate(id + 1, '10')).toBeUndefined()
    const long = '123456789012345'
    const { id: exact } = await addTariff(it.store, [rate(long), rate(long.slice(0, 14))], 'long')
    const found = (digits: string) => it.store.findRate(exact, digits)
    expect(await found(long)).toEqual(rate(long))
    expect(await found(`${long}9`)).toEqual(rate(long))
    expect(await found(`${long.slice(0, 14)}9`)).toEqual(rate(long.slice(0, 14)))
    expect(await found(long.slice(0, 13))).toBeUndefined()
  })

  test('has the rate of the longest prefix for every number', async () => {
    // Few different digits, so that prefixes have much in common.
    const digits = (max: number) =>
      fc.array(fc.constantFrom('1', '2', '9'), { minLength: 1, maxLength: max }).map((all) => all.join(''))
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(digits(15), { maxLength: 60 }),
        fc.array(digits(18), { minLength: 30 }),
        async (prefixes, numbers) => {
          const { id } = await addTariff(
            it.store,
            prefixes.map((prefix) => rate(prefix)),
          )
          const longest = (number: string): Rate | undefined =>
          prefixes.filter((prefix) => number.startsWith(prefix)).map((prefix) => rate(prefix)).sort((a, b) => b.prefix.length - a.prefix.length)[0] // prettier-ignore
          for (const number of [...numbers, ...prefixes, ''])
            expect([number, await it.store.findRate(id, number)]).toEqual([number, longest(number)])
        },
      ),
      { numRuns: 100 },
    )
  }, 30_000)
})
