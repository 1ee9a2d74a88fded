import type { Command } from '@stricli/core'
import { resolve } from 'node:path'
import type { TraceSummary, Traces } from 'dure/telemetry'
import { dataDirectory } from '../data.ts'
import { CliError, EXIT, layoutOf, type Shell } from '../shell.ts'
import { counted, durationText, visible } from '../format.ts'
import { table } from '@dure/simulation/text/internal'
import { waterfall } from '../waterfall.ts'
import { defineCommand, common, printResult, type Common } from './parameters.ts'

export const traceCommand: Command<Shell> = defineCommand({
  brief: 'Show a trace as a waterfall',
  help: `
        Shows what one request led to: calls, transactions, events, over all services. The beginning of an id is enough;
        without an id the latest traces are listed. Ids are in the logs (traceId) and in the traceresponse header. A system
        keeps a share of its traces (1 % unless it says otherwise) and whatever failed.`,
  examples: ['dure trace', 'dure trace 4bf92f35', 'dure trace 4bf92f35 --data /var/lib/shop --json'],
  flags: common,
  positional: {
    kind: 'tuple',
    parameters: [{ parse: parseId, optional: true, placeholder: 'ID', brief: 'A trace id, or how it begins' }],
  },
  async func(this: Shell, flags: Common, id?: string): Promise<void> {
    const given = dataDirectory(flags.data, this.process.env)
    const { openTraces } = await import('dure/telemetry')
    const traces = open(() => openTraces(resolve(this.cwd, given)), given)
    try {
      if (id === undefined) return list(this, traces, flags)
      const spans = traces.trace(only(traces, id, given))
      printResult(this, flags, spans, () => waterfall(spans, layoutOf(this)))
    } finally {
      traces.close()
    }
  },
})

/** The whole id of a `traceparent` is taken as well: that is what one finds in headers. */
function parseId(text: string): string {
  const id = (/^[0-9a-f]{2}-([0-9a-f]{32})-/i.exec(text)?.[1] ?? text).toLowerCase()
  if (/^[0-9a-f]{1,32}$/.test(id)) return id
  throw new Error(`"${text}" is not a trace id: give up to 32 hexadecimal digits`)
}

function open(tryOpen: () => Traces | undefined, directory: string): Traces {
  let traces: Traces | undefined
  try {
    traces = tryOpen()
  } catch (cause) {
    throw new CliError(`Cannot read the traces in "${directory}": ${(cause as Error).message}`, { cause })
  }
  if (traces !== undefined) return traces
  throw new CliError(
    `Cannot find any trace in "${directory}": no system has kept one there; say with --data where the system keeps its files, ` +
      'or have it keep more: system(…, { telemetry: { sampling: 1 } })',
  )
}

function only(traces: Traces, prefix: string, directory: string): string {
  const found = traces.find(prefix)
  if (found.length === 1) return found[0]!
  if (found.length === 0) {
    throw new CliError(
      `Cannot find a trace "${prefix}" in "${directory}": it was not sampled and nothing in it failed, it has made room for later ones, ` +
        'or it is not written yet (that takes a moment); "dure trace" lists what there is',
    )
  }
  const more = found.length === 10 ? ', …' : ''
  throw new CliError(
    `Cannot tell which trace "${prefix}" is: ${found.map((id) => id.slice(0, prefix.length + 6)).join(', ')}${more}`,
    {
      exitCode: EXIT.misuse,
    },
  )
}

function list(shell: Shell, traces: Traces, flags: Common): void {
  const recent = traces.recent()
  const rows = recent.map((trace) => [
    trace.traceId.slice(0, 12),
    new Date(trace.start).toISOString().slice(0, 19).replace('T', ' '),
    durationText(trace.duration),
    counted(trace.spans, 'span'),
    nameOf(trace),
  ])
  printResult(
    shell,
    flags,
    recent,
    () => table(rows, { columns: layoutOf(shell).columns, shorten: [4] }).join('\n') || 'No traces yet',
  )
}

function nameOf({ name, service, errors }: TraceSummary): string {
  return `${errors > 0 ? '✗ ' : ''}${visible(name)} (${visible(service)})`
}
