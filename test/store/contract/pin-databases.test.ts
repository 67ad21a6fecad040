import { expect, test } from '@jest/globals'
import type { PinRun } from '../../../src/engine/pin-range.ts'
import type { DatabasePin } from '../../../src/engine/pin-store.ts'
import { account, ALL, contract, failing, T0 } from './given.ts'

const ALWAYS = { beginsAt: undefined, expiresAt: undefined }
const NOW = { beginsAt: T0, expiresAt: T0 + 1 }
const run = (first: string, count = 1): PinRun => ({ first, count })

contract('databases of PINs', (it) => {
  const change = (number: number, save: { label: string; maxKeys: number }, accountId = 'acme') =>
    it.store.changePinDatabase(accountId, number, (found) => ({
      save: { action: { do: 'confirm' }, ...save },
      result: found,
    }))
  const pins = (number = 1, accountId = 'acme') => it.store.pinsAfter(accountId, number, undefined, 10_000)
  const names = async (number = 1) => (await pins(number)).map(({ pin }) => pin)

  test('are made and changed by a decision that sees what is there', async () => {
    const made = { label: 'one', maxKeys: 3 }
    expect(await change(1, made)).toBeUndefined()
    const before = { accountId: 'acme', number: 1, ...made, action: { do: 'confirm' } }
    expect(await change(1, { label: 'two', maxKeys: 0 })).toEqual(before)
    const after = { ...before, label: 'two', maxKeys: 0 }
    expect(await it.store.findPinDatabase('acme', 1)).toEqual(after)
    expect(await it.store.changePinDatabase('acme', 1, (found) => ({ result: found }))).toEqual(after)
    await expect(it.store.changePinDatabase('acme', 1, failing('no'))).rejects.toThrow('no')
    expect(await it.store.changePinDatabase('acme', 2, () => ({ result: 7 }))).toBe(7)
    expect(await it.store.findPinDatabase('acme', 2)).toBeUndefined()
  })

  test('keep each action as it is', async () => {
    for (const action of [
      { do: 'dial', number: '+919812345678' },
      { do: 'continue', context: 'c', extension: 'e' },
      { do: 'confirm' },
    ] as const) {
      await it.store.changePinDatabase('acme', 1, () => ({
        save: { label: '', maxKeys: 0, action },
        result: 0,
      }))
      expect((await it.store.findPinDatabase('acme', 1))?.action).toEqual(action)
    }
  })

  test('are listed by number with how many PINs each has, those of the account only', async () => {
    await it.store.addAccount(account('other', ALL), [])
    for (const number of [10, 9, 9_999, 1])
      await it.store.writePins('acme', number, run('1', (number % 7) + 1), NOW)
    await change(2, { label: 'empty', maxKeys: 0 })
    await it.store.writePins('other', 3, run('1'), ALWAYS)
    expect((await it.store.pinDatabases('acme')).map(({ number, pins }) => [number, pins])).toEqual([
      ...[[1, 2], [2, 0], [9, 3], [10, 4], [9_999, 4]], // prettier-ignore
    ])
  })

  test('take runs of PINs, and each PIN once', async () => {
    await it.store.writePins('acme', 1, run('0098', 5), NOW)
    await it.store.writePins('acme', 1, run('98', 2), ALWAYS)
    await it.store.writePins('acme', 1, run('0100', 4), ALWAYS)
    await it.store.writePins('acme', 1, run('1e5'), ALWAYS)
    expect(await pins()).toEqual([
      ...['0098', '0099'].map((pin) => ({ pin, ...NOW })),
      ...['0100', '0101', '0102', '0103', '1e5', '98', '99'].map((pin) => ({ pin, ...ALWAYS })),
    ])
    expect((await it.store.pinDatabases('acme'))[0]?.pins).toBe(9)
  })

  test('lose runs of PINs and nothing that lies between them in the alphabet', async () => {
    await it.store.writePins('acme', 1, run('10', 10), NOW)
    for (const pin of ['1', '100', '150', '1a', '1*', '015'])
      await it.store.writePins('acme', 1, run(pin), NOW)
    await it.store.deletePins('acme', 1, run('10', 10))
    expect(await names()).toEqual(['015', '1', '1*', '100', '150', '1a'])
    await it.store.deletePins('acme', 1, run('1a'))
    await it.store.deletePins('acme', 1, run('200', 300))
    await it.store.deletePins('acme', 2, run('1', 3))
    expect(await names()).toEqual(['015', '1', '1*', '100', '150'])
    expect((await it.store.pinDatabases('acme')).map(({ number, pins }) => [number, pins])).toEqual([[1, 5]])
  })

  test('are written to one after the other, however many at once, and whoever checks a PIN waits for one', async () => {
    const done: string[] = []
    const note = (what: string) => () => void done.push(what)
    const many = Array.from({ length: 20 }, (_, i) => i + 1)
    const work = many.flatMap((number) => [
      it.store.writePins('acme', number, run('0000', 100), ALWAYS).then(note('written')),
      it.store.deletePins('acme', number, run('0000', 10)).then(note('deleted')),
      it.store.putPins('acme', number, [{ pin: 'A', ...ALWAYS }], false).then(note('put')),
    ])
    // Each of them asks again as soon as it has its answer.
    for (let looks = 0; looks < 10; looks++) await it.store.touch(T0).then(note('look'))
    await Promise.all(work)
    expect(done.slice(0, 20).filter((what) => what === 'look')).toHaveLength(10)
    expect(done.filter((what) => what !== 'look')).toEqual(many.flatMap(() => ['written', 'deleted', 'put']))
    for (const number of many) expect(await names(number)).toHaveLength(91)
  })

  test('have runs up to the longest PIN', async () => {
    await it.store.writePins('acme', 1, run('999999999999998', 2), NOW)
    await it.store.writePins('acme', 1, run('000000000000000', 2), NOW)
    expect(await names()).toEqual([
      ...['000000000000000', '000000000000001', '999999999999998', '999999999999999'],
    ])
    await it.store.deletePins('acme', 1, run('999999999999999'))
    expect(await names()).toHaveLength(3)
  })

  test('take lists of PINs, and say what became of each', async () => {
    const list = (...pins: [string, object][]) => pins.map(([pin, when]) => ({ pin, ...when }) as DatabasePin)
    const first = list(['a', ALWAYS], ['7', NOW], ['07', NOW])
    const nothing = { created: 0, changed: 0, unchanged: 0 }
    expect(await it.store.putPins('acme', 1, [], false)).toEqual(nothing)
    expect(await it.store.putPins('acme', 1, first, true)).toEqual({ ...nothing, created: 3 })
    expect(await it.store.findPinDatabase('acme', 1)).toBeUndefined()
    expect(await it.store.putPins('acme', 1, first, false)).toEqual({ ...nothing, created: 3 })
    const second = list(['a', ALWAYS], ['7', { ...NOW, expiresAt: undefined }], ['8', NOW])
    for (const dryRun of [true, false])
      expect(await it.store.putPins('acme', 1, second, dryRun)).toEqual({
        ...{ created: 1, changed: 1, unchanged: 1 },
      })
    expect(await pins()).toEqual(
      list(['07', NOW], ['7', { ...NOW, expiresAt: undefined }], ['8', NOW], ['a', ALWAYS]),
    )
    expect((await it.store.pinDatabases('acme'))[0]?.pins).toBe(4)
  })

  test('keep all of a list or nothing', async () => {
    const list = [{ pin: '1', ...NOW }, { pin: 'x'.repeat(16), ...NOW }] // prettier-ignore
    await expect(it.store.putPins('acme', 1, list, false)).rejects.toThrow(/CHECK/)
    expect(await pins()).toEqual([])
    await it.store.writePins('acme', 1, run('1'), NOW)
    await expect(it.store.writePins('acme', 9_999, run('x'.repeat(16)), NOW)).rejects.toThrow(/CHECK/)
    expect((await it.store.pinDatabases('acme')).map(({ number, pins }) => [number, pins])).toEqual([[1, 1]])
  })
})
