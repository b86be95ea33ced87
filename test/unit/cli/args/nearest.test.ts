import { describe, expect, it } from 'vitest';
import { nearest, suggestion } from '../../../../src/cli/args/nearest.js';

const WORDS = ['serve', 'list', 'get', 'refresh', 'register', 'unregister', 'keys', 'fake'];

describe('the nearest word', () => {
  it.each([
    ['sevre', 'serve'],
    ['srve', 'serve'],
    ['servee', 'serve'],
    ['lsit', 'list'],
    ['gte', 'get'],
    ['key', 'keys'],
    ['regist', 'register'],
    ['unregistre', 'unregister'],
    ['refrehs', 'refresh'],
  ])('the nearest word to %s is %s', (word, meant) => {
    expect(nearest(word, WORDS)).toBe(meant);
  });

  it.each(['xyzzy', 'wechat', 'a', ''])('no word is near to %s', (word) => {
    expect(nearest(word, WORDS)).toBeUndefined();
  });

  it('the first of two equally near words is the nearest', () => {
    expect(nearest('cat', ['bat', 'hat'])).toBe('bat');
  });

  it('the word itself is nearer than one that begins with it', () => {
    expect(nearest('--key', ['--keys', '--key-file', '--key'])).toBe('--key');
  });

  it('a word with a letter missing is nearer than one that only begins the same', () => {
    expect(nearest('--store-fie', ['--store', '--store-file'])).toBe('--store-file');
  });

  it('a suggestion names the nearest word, or is empty', () => {
    expect(suggestion('sevre', WORDS)).toBe(' (did you mean serve?)');
    expect(suggestion('xyzzy', WORDS)).toBe('');
  });
});
