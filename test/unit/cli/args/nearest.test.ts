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
  ])('of %s is %s', (word, meant) => {
    expect(nearest(word, WORDS)).toBe(meant);
  });

  it.each(['xyzzy', 'wechat', 'a', ''])('of %s is none', (word) => {
    expect(nearest(word, WORDS)).toBeUndefined();
  });

  it('is the first of two that are as near', () => {
    expect(nearest('cat', ['bat', 'hat'])).toBe('bat');
  });

  it('is the word itself before one that begins with it', () => {
    expect(nearest('--key', ['--keys', '--key-file', '--key'])).toBe('--key');
  });

  it('is one with a letter missing before one that only begins the same', () => {
    expect(nearest('--store-fie', ['--store', '--store-file'])).toBe('--store-file');
  });

  it('is a suggestion, or nothing', () => {
    expect(suggestion('sevre', WORDS)).toBe(' (did you mean serve?)');
    expect(suggestion('xyzzy', WORDS)).toBe('');
  });
});
