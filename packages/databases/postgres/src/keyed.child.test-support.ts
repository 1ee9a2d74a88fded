import { createInterface } from 'node:readline'
import { realRuntime } from 'dure/runtime'
import { start } from 'dure/service'
import { createLogger } from 'dure/telemetry'
import { counting } from './keyed.system.test-support.ts'

/**
 * A copy of a counter. It is told `hang NAME` (the next call of that name waits in the middle, until `go`) and `stop`.
 */
const [, , url = '', directory = '', copy = '1'] = process.argv
const say = (line: string): void => void process.stdout.write(`${line}\n`)
let hangs: string | undefined
let go: () => void = () => {}
const before = async (name: string): Promise<void> => {
  if (name !== hangs) return
  hangs = undefined
  const gone = new Promise<void>((resolve) => (go = resolve))
  say(`hangs ${name}`)
  await gone
}
const running = await start(counting(url, { before, refused: (name, error) => say(`refused ${name} ${String(error)}`) }), {
  ...{ directory, part: ['counter'], copy: Number(copy) },
  log: createLogger({ clock: realRuntime().clock, write: (line) => say(`log ${line}`) }),
})
say('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [word, name] = line.split(' ')
  if (word === 'hang') hangs = name
  if (word === 'go') go()
  if (word === 'stop') break
}
await running.stop()
say('stopped')
