import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createLogger } from '../telemetry/telemetry.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { secret } from './config.ts'

const VALUE = 'hunter2-hunter2'

test('a secret shows its value to nobody who does not ask for it', () => {
  const one = secret(VALUE)
  assert.equal(one.reveal(), VALUE)
  const error = new Error(`Cannot log in with ${String(one)}`, { cause: one })
  const lines: string[] = []
  const log = createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line) })
  log.error('failed', { one, nested: { list: [one] }, error, text: `${one as unknown as string}` })
  const shown = [
    String(one),
    JSON.stringify({ one, list: [one] }),
    inspect(one, { showHidden: true, depth: 10, showProxy: true }),
    inspect({ one }, { customInspect: false, showHidden: true }),
    inspect(error),
    inspect(structuredClone({ one })),
    JSON.stringify(Object.getOwnPropertyDescriptors(one)),
    JSON.stringify(Object.entries({ ...one })),
    ...lines,
  ]
  for (const text of shown) assert.ok(!text.includes('hunter2'), text)
  assert.equal(String(one), '[secret]')
  assert.equal(JSON.stringify(one), '"[secret]"')
  assert.match(lines[0]!, /"one":"\[secret\]"/)
  assert.throws(() => Object.assign(one, { value: 1 }), TypeError)
})
