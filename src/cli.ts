import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addAccountCommands } from './cli/account.ts'
import { addAuditCommand } from './cli/audit.ts'
import { addCallbackCommands } from './cli/callback.ts'
import { addCampaignCommands } from './cli/campaign.ts'
import { addCardCommands } from './cli/card.ts'
import { addDeliveryCommands } from './cli/deliveries.ts'
import { addDistributorCommands } from './cli/distributor.ts'
import { addDoctorCommand } from './cli/doctor.ts'
import { addGroupCommands } from './cli/group.ts'
import { addGuessCommands } from './cli/guesses.ts'
import { addLineCommands } from './cli/line.ts'
import { addLoginCommands } from './cli/login.ts'
import { addNumberCommands } from './cli/number.ts'
import { jsonOption } from './cli/options.ts'
import { fail } from './cli/output.ts'
import { addPinCommands } from './cli/pins.ts'
import { addServeCommand } from './cli/serve.ts'
import { addTariffCommands } from './cli/tariff.ts'
import { addVoucherCommands } from './cli/voucher.ts'

/** Runs the `pinbridge` command. Exit codes: 0 ok, 1 failed, 64 wrong usage, 78 wrong configuration (sysexits.h). */
async function run(args: string[]): Promise<void> {
  const json = args.includes('--json')
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  // Subcommands made with command() take these over, those made with new Command() would not.
  const program = new Command('pinbridge')
    .description('Answers calls on Asterisk, asks for a PIN, and connects people behind virtual numbers.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeErr: (text) => {
        if (!json) process.stderr.write(text)
      },
    })
    .addHelpText('after', '\nSettings and their variables: config/example.yaml')
  addServeCommand(program)
  addDemoCommand(program)
  addAccountCommands(program)
  addNumberCommands(program)
  addPinCommands(program)
  addTariffCommands(program)
  addGroupCommands(program)
  addCardCommands(program)
  addDistributorCommands(program)
  addVoucherCommands(program)
  addLineCommands(program)
  addCallbackCommands(program)
  addCampaignCommands(program)
  addLoginCommands(program)
  addAuditCommand(program)
  addDeliveryCommands(program)
  addGuessCommands(program)
  addDoctorCommand(program)
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    process.exitCode = fail(error, json)
  }
}

function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('show the product at work on this machine, with telephones of its own')
    .addOption(jsonOption())
    .action(async ({ json = false }: { json?: boolean }) => {
      const { demo } = await import('./demo.ts')
      process.exitCode = await demo({ json })
    })
}

await run(process.argv.slice(2))
