/**
 * Reports that something is not XML of the form that is read here. The message names the fault and where it is, but
 * shows nothing of the content, which may contain secrets.
 */
export class XmlRefused extends Error {
  override readonly name: string = 'XmlRefused';

  /** @param fault - what the XML has, such as `a comment`. */
  constructor(fault: string, offset: number, unit: 'character' | 'byte' = 'character') {
    super(`the XML has ${fault} at ${unit} ${offset}`);
  }
}
