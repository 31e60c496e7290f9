"""Engines behind OpenAI-compatible endpoints: OpenAI, Azure, Gemini's compatible endpoint, vLLM, Ollama and others."""
