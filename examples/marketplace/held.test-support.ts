import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ready, run } from './run.test-support.ts'

/** The marketplace under load, stopped, and started again with what it had: every invariant holds both times. */
export function holdsUnderLoad(options: {
  readonly on: string
  readonly placement: 'together' | 'split'
  readonly flags: readonly string[]
  readonly skip?: string | false
}): void {
  const { on, placement, skip = false } = options
  test(
    `on ${on}, ${placement}, every invariant holds under load, and a second start goes on where the first was`,
    { timeout: 300_000, skip },
    async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'marketplace-held-'))
      t.after(() => rm(folder, { recursive: true, force: true }))
      // As root, PostgreSQL runs as somebody else, who must get there.
      await chmod(folder, 0o755)
      const data = ['--port', '0', '--data', folder, '--products', '40', '--customers', '40', '--durability', 'process']
      const flags = [...data, ...options.flags, ...(placement === 'split' ? ['--split'] : [])]
      const first = run('main.ts', ...flags)
      const load = run('workload/main.ts', '--url', await ready(first), '--seconds', '3', '--concurrency', '8', '--quiet', '200')
      assert.equal(await load.ended, 0, load.said())
      // Those of three seconds on a busy machine may not have come to their end within them.
      assert.match(load.said(), /[1-9]\d* accepted,/)
      first.child.kill('SIGTERM')
      assert.equal(await first.ended, 0, first.said())

      const second = run('main.ts', ...flags)
      const check = run('workload/main.ts', '--url', await ready(second), '--seconds', '0', '--quiet', '200')
      assert.ok(!second.said().includes('Generated'), second.said())
      assert.equal(await check.ended, 0, check.said())
      second.child.kill('SIGTERM')
      assert.equal(await second.ended, 0, second.said())
    },
  )
}
