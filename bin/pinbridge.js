#!/usr/bin/env node
// Plain JavaScript that any Node can read: says what is wrong before anything is imported that an old Node cannot load.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major > 24 || (major === 24 && minor >= 11)) {
  await import('../src/cli.ts')
} else {
  const own = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))
  if (!existsSync(own)) {
    console.error(
      `pinbridge needs Node 24.11 or newer, this is ${process.version}. Run "npm ci" in its folder first.`,
    )
    process.exit(78)
  }
  const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
  const child = spawn(own, [cli, ...process.argv.slice(2)], { stdio: 'inherit' })
  // Whoever started us knows our process only: without this its SIGTERM would leave the other one behind.
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => child.kill(name))
  child.on('error', ({ message }) => {
    console.error(`pinbridge cannot start ${own}: ${message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code))
}
