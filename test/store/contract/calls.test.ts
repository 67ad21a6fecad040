import { expect, test } from '@jest/globals'
import type { CallRecord } from '../../../src/engine/calls.ts'
import { B, call, contract, FAR, T0 } from './given.ts'

contract('calls', (it) => {
  test('come back as they were', async () => {
    const made = await it.add()
    const bare = call({ from: undefined })
    const full = call({
      ...{ state: 'ended', allocationId: made.id, transactionId: made.transactionId, party: 'b' },
      ...{ to: B, toChannelId: 'leg', ringingAt: T0 + 1, answeredAt: T0 + 2, endedAt: T0 + 3 },
      ...{ callType: 'completed', dialStatus: 'completed', recordedUntil: T0 + 4 },
    })
    await it.store.addCall(bare)
    await it.store.addCall(full)
    expect(await it.callOf(bare.id)).toEqual(bare)
    expect(await it.callOf(full.id)).toEqual(full)
    expect(await it.callOf('none')).toBeUndefined()
    const { id, accountId, vn, from, channelId } = bare
    await it.store.changeCall(bare.id, () => ({
      save: { ...full, id, accountId, vn, from, channelId },
      result: 0,
    }))
    expect(await it.callOf(bare.id)).toEqual({ ...full, id, accountId, vn, from, channelId })
  })

  test('those that have not ended are listed, oldest first', async () => {
    const calls = [call(), call(), call()]
    for (const one of [...calls].reverse()) await it.store.addCall(one)
    await it.store.changeCall(calls[1]!.id, (found) => ({
      save: { ...found!, state: 'ended', endedAt: T0 },
      result: undefined,
    }))
    expect((await it.store.openCalls()).map(({ id }) => id)).toEqual([calls[0]!.id, calls[2]!.id])
  })

  test('the last instant at which anybody was alive', async () => {
    expect(await it.store.lastAlive()).toBeUndefined()
    await it.store.touch(T0)
    await it.store.touch(T0 + 5_000)
    expect(await it.store.lastAlive()).toBe(T0 + 5_000)
  })

  test('recordings are due at their instant once the call has ended, oldest first, until they are forgotten', async () => {
    const recorded = (recordedUntil: number | undefined, state: CallRecord['state'] = 'ended') =>
      call({ state, recordedUntil, endedAt: state === 'ended' ? T0 : undefined })
    const [third, first, second] = [recorded(T0 + 3), recorded(T0 + 1), recorded(T0 + 2)]
    const talking = recorded(T0, 'talking')
    for (const one of [third, first, second, talking, recorded(undefined)]) await it.store.addCall(one)
    expect(await it.store.dueRecordings(T0, 10)).toEqual([])
    expect(await it.store.dueRecordings(T0 + 1, 10)).toEqual([first.id])
    expect(await it.store.dueRecordings(FAR, 10)).toEqual([first.id, second.id, third.id])
    expect(await it.store.dueRecordings(FAR, 2)).toEqual([first.id, second.id])
    const save = (one: CallRecord) => it.store.changeCall(one.id, () => ({ save: one, result: undefined }))
    await save({ ...first, recordedUntil: undefined })
    await save({ ...talking, state: 'ended', endedAt: T0 })
    expect(await it.store.dueRecordings(FAR, 10)).toEqual([talking.id, second.id, third.id])
    expect((await it.callOf(first.id))?.recordedUntil).toBeUndefined()
  })
})
