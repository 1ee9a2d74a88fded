import { readFileSync } from 'node:fs'
import type { Command, RouteMap } from '@stricli/core'
import { table } from '@dure/simulation/text/internal'
import type { AuditEntry, AuditProof, AuditVerdict } from 'dure/audit'
import { askOperator } from '../control/control.ts'
import { timeText, visible } from '../format.ts'
import { CliError, layoutOf, paint, type Shell } from '../shell.ts'
import { common, defineCommand, defineRoutes, directoryOf, printResult, textFlag, type Common } from './parameters.ts'

type Of = Common & { readonly log?: string }
type Listing = Of & { readonly subject?: string; readonly actor?: string; readonly action?: string; readonly after?: string }
type Verifying = Of & { readonly checkpoint?: string }

const of = { ...common, log: textFlag('NAME', 'Of this log; needed where there are several') }
/** Lines that are shown at once. */
const LINES = 100

function ask<T>(shell: Shell, flags: Of, operation: string, input: object = {}): Promise<T> {
  return askOperator<T>(directoryOf(shell, flags), 'audit', operation, { log: flags.log, ...input })
}

const listCommand: Command<Shell> = defineCommand({
  brief: 'Show who did what',
  help: `
        Shows lines of an audit log in their order, ${LINES} at most; --after goes on behind one. What is "erased" was a personal value.`,
  examples: ['dure audit list --subject c7', 'dure audit list --actor ida --after 400 --json'],
  flags: {
    ...of,
    subject: textFlag('ID', 'Only what was done to this'),
    actor: textFlag('ID', 'Only what this did'),
    action: textFlag('NAME', 'Only this action'),
    after: textFlag('SEQ', 'Only lines behind this one'),
  },
  async func(this: Shell, { after, ...flags }: Listing): Promise<void> {
    const { subject, actor, action } = flags
    const asked = { limit: LINES, ...(after === undefined ? {} : { after: wholeNumber(after) }) }
    const lines = await ask<readonly AuditEntry[]>(this, flags, 'list', { ...asked, subject, actor, action })
    printResult(this, flags, lines, () => {
      if (lines.length === 0) return 'No such lines'
      const rows = lines.map(({ seq, at, about, personal, ...one }) => {
        const more = Object.entries(personal).map(([name, value]) => `${name}=${value ?? '(erased)'}`)
        const words = [...(about === undefined ? [] : [JSON.stringify(about)]), ...more].map(visible).join(' ')
        return [String(seq), timeText(Date.parse(at)), visible(one.actor), visible(one.action), visible(one.subject), words]
      })
      const { columns } = layoutOf(this)
      return table([['SEQ', 'WHEN', 'WHO', 'WHAT', 'TO WHOM', 'MORE'], ...rows], { columns, shorten: [5] }).join('\n')
    })
  },
})

const verifyCommand: Command<Shell> = defineCommand({
  brief: 'Find out whether a line was changed, removed, moved or added',
  help: `
        Reads a log from its first line on, and names the first line that is not as it was written. Whoever has the database alone cannot hide a
        change; whoever cuts off the end is found by a checkpoint that was kept elsewhere (dure audit checkpoint). Ends with 1 when something is wrong.`,
  examples: ['dure audit verify', 'dure audit verify --checkpoint last-month.txt'],
  flags: { ...of, checkpoint: textFlag('FILE', 'A checkpoint of before, which the log must go on from') },
  async func(this: Shell, { checkpoint: file, ...flags }: Verifying): Promise<void> {
    const checkpoint = file === undefined ? undefined : readText(file)
    const verdict = await ask<AuditVerdict>(this, flags, 'verify', { checkpoint })
    printResult(this, flags, verdict, () =>
      verdict.ok
        ? `${verdict.size} ${verdict.size === 1 ? 'line' : 'lines'}, each as it was written`
        : paint(this, 'red', `Line ${verdict.fault.seq} was ${wordOf(verdict.fault.what)}: ${verdict.fault.why}`),
    )
    if (!verdict.ok) throw new CliError('The audit log is not as it was written')
  },
})

const proveCommand: Command<Shell> = defineCommand({
  brief: 'Show to somebody else that a line is in the log',
  help: `
        Prints a line, a signed checkpoint, and the hashes that lead from the one to the other (RFC 6962). Whoever has the log's verifier
        (dure audit checkpoint --json) can check it without the log.`,
  examples: ['dure audit prove 41 --json'],
  flags: of,
  positional: { kind: 'tuple', parameters: [{ parse: wholeNumber, placeholder: 'SEQ', brief: 'Which line' }] },
  async func(this: Shell, flags: Of, seq: number): Promise<void> {
    const proof = await ask<AuditProof>(this, flags, 'prove', { seq })
    printResult(this, flags, proof, () => [proof.line, ...proof.hashes, '', proof.checkpoint.trimEnd()].join('\n'))
  },
})

const checkpointCommand: Command<Shell> = defineCommand({
  brief: 'Print a signed checkpoint, to be kept elsewhere',
  help: `
        Prints what the log says of itself now: its name, its size, its root, and a signature. Kept where whoever has the database has nothing to
        say, it is what shows later that no line was taken away. With --json also the verifier, which checks it.`,
  examples: ['dure audit checkpoint > last-month.txt'],
  flags: of,
  async func(this: Shell, flags: Of): Promise<void> {
    type Told = { readonly log: string; readonly verifier: string; readonly size: number; readonly checkpoint: string | null }
    const { log, verifier, size, checkpoint } = await ask<Told>(this, flags, 'checkpoint')
    const told = { log, verifier, checkpoint }
    printResult(this, flags, told, () => checkpoint?.trimEnd() ?? `"${log}" has ${size} ${size === 1 ? 'line' : 'lines'}`)
  },
})

export const auditCommands: RouteMap<Shell> = defineRoutes({
  routes: { list: listCommand, verify: verifyCommand, prove: proveCommand, checkpoint: checkpointCommand },
  defaultCommand: 'list',
  brief: 'Look at who did what, and find out whether it was changed',
  help: `
        Audit logs of the services of the system that runs on a data directory.`,
  examples: ['dure audit', 'dure audit verify'],
})

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new CliError(`Cannot use "${text}" as the number of a line; give one such as 41`)
  return Number(text)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError(`Cannot read the checkpoint "${file}": ${(error as Error).message}`)
  }
}

function wordOf(what: string): string {
  return what === 'checkpoint' ? 'left without a checkpoint of its own' : what
}
