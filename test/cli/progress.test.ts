import { expect, test } from '@jest/globals'
import { showProgress } from '../../src/cli/progress.ts'

/** Work of so many steps of a millisecond each; what it told. */
function told(isTTY: boolean, steps: number, total?: number): string[] {
  const lines: string[] = []
  let ms = 0
  const out = { isTTY, write: (text: string) => lines.push(text) }
  const progress = showProgress('reading', total, out, () => ms)
  for (let done = 1; done <= steps; done++) {
    ms++
    progress.at(done)
  }
  progress.end()
  return lines
}

test('work that is soon done says nothing', () => {
  expect(told(true, 999)).toEqual([])
  expect(told(false, 9_999)).toEqual([])
})

test('on a terminal it counts after a second, ten times a second, and takes the counter away', () => {
  expect(told(true, 1_250)).toEqual(['\rreading 1000', '\rreading 1100', '\rreading 1200', '\r\x1b[K'])
  expect(told(true, 1_000, 5_000)).toEqual(['\rreading 1000 of 5000', '\r\x1b[K'])
})

test('elsewhere it says a line every ten seconds, without anything that a terminal would understand', () => {
  expect(told(false, 30_500, 40_000)).toEqual([
    'reading 10000 of 40000\n',
    'reading 20000 of 40000\n',
    'reading 30000 of 40000\n',
  ])
})
