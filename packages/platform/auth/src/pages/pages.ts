/** The pages that people see. */
export { consentPage, errorPage, expiredPage, loginPage, type LoginFault, type Setting } from './content.ts'
export { drawPages } from './drawn.ts'
export type { Page } from './layout.ts'
export { WORDS } from './words.ts'
