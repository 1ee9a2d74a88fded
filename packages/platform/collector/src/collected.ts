import type { Intake } from './intake.ts'
import type { Store } from './store/store.ts'

/** What a collector has stored, and is being told. */
export type Collected = { readonly store: Store; readonly intake: Intake }
