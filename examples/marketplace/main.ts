/** Begins the marketplace (see `program.ts`), and compiles nothing that an earlier start has compiled. */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// Where it cannot be kept, everything is compiled as ever.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/marketplace'))
// Not a static import: those are compiled before the first line runs.
await import('./program.ts')
