/**
 * The detector of languages with its n-gram table, apart from language.ts so that it can be loaded when first needed:
 * the package has no entry for `require`, and an import at the top would cost every command 0.2 s and some 40 MB.
 */
export { eld as detector } from "eld/extrasmall";
