import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Store } from './database.ts'
import { inWorld, orderIds } from './world.conformance.ts'

export function crashConformance(module: URL): void {
  test('a process that is killed in the middle of transactions keeps exactly the committed ones', () =>
    inWorld<Store>(module, async ({ directory, open, rows }) => {
      const { child, lines } = startChild(module, directory)
      const acknowledged = new Set<string>()
      let inside = false
      for await (const line of lines) {
        if (line === 'inside') inside = true
        else acknowledged.add(line)
        // Killed while one transaction has written half of its rows and hundreds were answered.
        if (inside && acknowledged.size >= 300) child.kill('SIGKILL')
      }
      assert.equal(inside, true)
      const store = await open()
      const ids = new Set(await orderIds(store, rows))
      for (const id of acknowledged) assert.ok(ids.has(`${id}-first`), `${id} was answered and is lost`)
      for (const id of ids) {
        const other = id.endsWith('-first') ? id.replace('-first', '-second') : id.replace('-second', '-first')
        assert.ok(ids.has(other), `half a transaction was kept: ${id} without ${other}`)
      }
      assert.equal(ids.has('open-first'), false)
      await store.transaction((tx) => rows.insert(tx, 'orders', { id: 'after', total: 1 }))
    }))
}

/** Starts a process that commits pairs of rows until it is killed, printing the ids of those that were answered. */
function startChild(module: URL, directory: string): { readonly child: ChildProcess; readonly lines: AsyncIterable<string> } {
  const script = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? 'crash-child.conformance.ts' : 'crash-child.conformance.js', import.meta.url),
  )
  const child = spawn(
    process.execPath,
    [...process.execArgv.filter((arg) => arg.startsWith('--conditions')), script, module.href, directory],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  void once(child, 'error').then(([error]) => assert.fail(String(error)))
  return { child, lines: createInterface({ input: child.stdout! }) }
}
