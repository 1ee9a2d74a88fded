import { test } from 'node:test'
import { skip, takesOver } from './systemd.test-support.ts'

test('start --split: what systemd holds goes on to the process with the doors', { skip, timeout: 300_000 }, (t) =>
  takesOver(t, ['--split']),
)
