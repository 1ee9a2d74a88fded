import assert from 'node:assert/strict'
import { test } from 'node:test'
import { benchDiscovery } from './discovery.ts'

test('changes and a killed process are measured at a registry, under names that stay', { timeout: 240_000 }, async () => {
  const scale = { services: 20, instances: 2, changes: 5, kills: 1, rest: 1, poll: 200, jar: undefined }
  const { figures, ratios } = await benchDiscovery({ progress: () => {}, peer: () => Promise.resolve() }, scale)
  for (const name of ['notify_p50_ms', 'notify_p99_ms', 'kill_detect_ms', 'cpu_percent', 'rss_mb'])
    assert.ok((figures[name] as number) >= 0, name)
  // A lease of 2 s is not over at once.
  assert.ok((figures['kill_detect_ms'] as number) > 500, String(figures['kill_detect_ms']))
  assert.deepEqual(ratios, {})
})
