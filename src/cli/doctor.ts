import type { Command } from 'commander'
import { loadConfig, type Config } from '../config.ts'
import type { Check } from './check.ts'
import { checkAsterisk } from './doctor-asterisk.ts'
import { checkCampaigns } from './doctor-campaigns.ts'
import { checkMachine } from './doctor-machine.ts'
import { jsonOption } from './options.ts'
import { print } from './output.ts'

/** `pinbridge doctor`: looks at everything that a start needs and changes nothing. Exit code 1 when something fails. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('look whether everything is there and well that this installation needs')
    .addOption(jsonOption())
    .action(run)
}

async function run({ json }: { json?: true }): Promise<void> {
  const config = loadConfig()
  const appRuns = await isServing(config)
  const machine = await checkMachine(config, appRuns)
  const checks = [
    ...[...machine, ...(await checkAsterisk(config, appRuns)), ...checkSettings(config)],
    // Who reads a damaged database is told of that, and of nothing else.
    ...(machine.some(({ name, state }) => name === 'database' && state === 'fail')
      ? []
      : await checkCampaigns(config)),
  ]
  const failed = checks.filter(({ state }) => state === 'fail').length
  const lines = checks.map(
    ({ name, state, found, todo }) => `${state.padEnd(4)}  ${name}: ${found}${todo ? `\n      ${todo}` : ''}`,
  )
  const summary = failed === 0 ? 'Nothing stands in the way.' : `${failed} of ${checks.length} failed.`
  print(json, { ok: failed === 0, checks }, [...lines, '', summary].join('\n'))
  if (failed > 0) process.exitCode = 1
}

/** Whether a pinbridge answers where this one would. */
async function isServing({ http: { host, port } }: Config): Promise<boolean> {
  const address = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host)
  try {
    const response = await fetch(`http://${address}:${port}/readyz`, { signal: AbortSignal.timeout(2_000) })
    const { checks } = (await response.json()) as { checks?: { deliveries?: unknown } }
    return checks?.deliveries !== undefined
  } catch {
    return false
  }
}

function checkSettings({ http, asterisk, fastagi, webhooks }: Config): Check[] {
  const checks: Check[] = [
    webhooks.allowPrivate
      ? {
          name: 'webhooks',
          state: 'warn',
          found: 'may go to private and loopback addresses, in clear text too',
          todo: 'Unset webhooks.allowPrivate unless every account is trusted: its endpoints reach what this machine reaches.',
        }
      : { name: 'webhooks', state: 'ok', found: 'go to public https addresses only' },
  ]
  if (!isLoopback(http.host))
    checks.push({
      name: 'HTTP exposure',
      state: 'warn',
      found: `the APIs listen on ${http.host} without TLS`,
      todo: 'Let them listen on 127.0.0.1 and put a proxy with TLS in front.',
    })
  if (fastagi.port !== undefined && !isLoopback(fastagi.host))
    checks.push({
      name: 'FastAGI exposure',
      state: 'warn',
      found: `whoever reaches ${fastagi.host}:${fastagi.port} may try PINs, without a password`,
      todo: 'Let it listen on 127.0.0.1, or on a network that only your Asterisk is in.',
    })
  if (asterisk.ariUrl?.startsWith('http:') && !isLoopback(new URL(asterisk.ariUrl).hostname))
    checks.push({
      name: 'ARI exposure',
      state: 'warn',
      found: `the password and every key that callers press cross the network in clear text to ${asterisk.ariUrl}`,
      todo: 'Use https, or a tunnel.',
    })
  return checks
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.startsWith('127.') || host === '::1' || host === '[::1]'
}
