import type { Command } from '@stricli/core'
import { resolve } from 'node:path'
import { hang } from '@dure/simulation/text/internal'
import { CliError, EXIT, type Shell } from '../shell.ts'
import { defineCommand, jsonFlag, parseRelease, printResult, switchFlag, textFlag, type ReleaseWords } from './parameters.ts'

type Flags = { readonly to: string; readonly facts?: string; readonly because?: boolean; readonly json?: boolean }

export const canIDeployCommand: Command<Shell> = defineCommand({
  brief: 'Say whether a version may go where others run',
  help: `
        Looks at the facts in a folder, which Git keeps: which versions run where, what each promises and needs, pacts, and
        what came of verifying them (@dure/testing/contracts writes them). Says yes; no, with whom it breaks, in which field
        and since which test; or unknown, with what is missing. Exits with 0 for yes alone, with 2 when a fact cannot be read.`,
  examples: [
    'dure can-i-deploy orders@1.4.0 --to production',
    'dure can-i-deploy orders@1.4.0 --to production --facts ../facts --because',
  ],
  flags: {
    to: { kind: 'parsed', parse: String, placeholder: 'ENVIRONMENT', brief: 'Where it is to run, as the facts name it' },
    facts: textFlag('DIR', 'The folder with the facts (default facts)'),
    because: switchFlag('Say what speaks for it as well'),
    json: jsonFlag,
  },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: parseRelease, placeholder: 'service@version', brief: 'What is to go there' }],
  },
  async func(this: Shell, flags: Flags, release: ReleaseWords): Promise<void> {
    const { canIDeploy, describeJudgement, PactError, readFacts } = await import('@dure/testing/contracts')
    try {
      const judgement = canIDeploy(readFacts(resolve(this.cwd, flags.facts ?? 'facts')), { ...release, to: flags.to })
      const ok = judgement.answer === 'yes'
      printResult(this, flags, { ok, ...judgement }, () => {
        const [first = '', ...reasons] = describeJudgement(judgement, { because: flags.because === true }).split('\n')
        return [first, ...reasons.map((line) => hang('  ', line.trim(), this.columns))].join('\n')
      })
      if (!ok) this.process.exitCode = EXIT.failed
    } catch (error) {
      if (error instanceof PactError) throw new CliError(error.message, { exitCode: EXIT.misuse, cause: error })
      throw error
    }
  },
})
