import type { Command } from 'commander'
import { httpAddress, loadConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { jsonOption } from './options.ts'
import { fail } from './output.ts'

/** A terminal's Ctrl-C reaches us twice when npm passes on what it got too; this much later it is a second one. */
const SAME_SIGNAL_MS = 500

/** `pinbridge serve`: the product itself. It stops on SIGTERM and SIGINT; a second signal ends it at once. */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('serve the HTTP APIs and answer calls, until SIGTERM or SIGINT')
    .addOption(jsonOption())
    .action(run)
}

async function run({ json }: { json?: true }): Promise<void> {
  const config = loadConfig()
  const log = createLog(config.log.level)
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a bug ends the process')
    process.exit(1)
  })
  try {
    const stopAsked = untilSignal()
    const { serve } = await import('../main.ts')
    const { httpPort, stop } = await serve(config, log)
    log.info({ http: httpAddress(config.http, httpPort) }, 'ready')
    log.info({ signal: await stopAsked }, 'stopping')
    await stop()
    process.exit(0)
  } catch (error) {
    // Whatever has been started by now holds the process, which nobody watches any more.
    process.exit(fail(error, json))
  }
}

/** A signal while we are starting counts too. */
function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAt: number | undefined
    const onSignal = (signal: NodeJS.Signals, number: number) => {
      firstAt ??= performance.now()
      if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(128 + number)
      resolve(signal)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}
