/** Three services, each alone in this process, without those that they need, and killed. Elsewhere and on real servers: components.long.test.ts. */
import { test } from 'node:test'
import { components } from './components.test-support.ts'

for (const [name, component] of Object.entries(components)) test(`${name} in this process`, () => component(() => ({})))
